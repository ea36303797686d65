//! `zamok accounts`: what an officer sees of accounts, and does with them.

mod limits;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use zamok::account::{AccountStep, Role, Roles};
use zamok::{Account, UnixTime};

use crate::arguments::{NewPasswordSource, Shared};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// Show, find, limit and erase accounts.
#[derive(Args, Debug)]
pub(crate) struct Accounts {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show an account: roles, limits, contacts in part, attributes.
    Show {
        /// Its login.
        login: String,
    },
    /// Find the account that has verified a phone or an e-mail address.
    Find {
        /// The phone as +79161234567, or the address.
        address: String,
    },
    /// Write a phone or an address that somebody has shown at the desk to be the account's: messages go there from now on.
    Vouch {
        /// Its login.
        login: String,
        /// The phone as +79161234567, or the address.
        address: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// Take a phone or an address away that is no factor.
    ForgetContact {
        /// The login of the account.
        login: String,
        /// The contact's id, as `show` tells it.
        contact: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// Give an account another password, after you have made sure who asks; its sessions end, and its second factor stays.
    ResetPassword {
        /// Its login.
        login: String,
        #[command(flatten)]
        new: NewPasswordSource,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// Say when and from where an account may act; its sessions end. This program comes from no network: it does not log in an account
    /// that is limited to networks, a service that tells its clients' addresses does.
    Limit {
        /// Its login.
        login: String,
        #[command(flatten)]
        limits: limits::Given,
    },
    /// Write what is known of an account under a name, or take it away; its sessions end.
    Attribute {
        /// Its login.
        login: String,
        /// The name, such as `tax-number`.
        name: String,
        /// The value.
        #[arg(required_unless_present = "remove", conflicts_with = "remove")]
        value: Option<String>,
        /// Take it away.
        #[arg(long)]
        remove: bool,
    },
    /// Say what an account is to the service; its sessions end.
    Roles {
        /// Its login.
        login: String,
        /// One or more roles; those that are not named are taken away.
        #[arg(required = true)]
        roles: Vec<RoleName>,
    },
    /// Put an account aside; its sessions end.
    Suspend {
        /// Its login.
        login: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// Take a suspended account back.
    Resume {
        /// Its login.
        login: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// Erase an account: names, contacts, attributes, factors, what the journal tells of it in words. It cannot be undone.
    Erase {
        /// Its login.
        login: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
        /// The login once more: nothing is erased by a slip.
        #[arg(long, value_name = "LOGIN")]
        really: String,
    },
}

/// A role, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleName {
    Citizen,
    Entrepreneur,
    Representative,
    Employee,
    Operator,
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Citizen => Self::Citizen,
            RoleName::Entrepreneur => Self::Entrepreneur,
            RoleName::Representative => Self::Representative,
            RoleName::Employee => Self::Employee,
            RoleName::Operator => Self::Operator,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

impl Accounts {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let nobody = |failure: Failure| {
                failure.when_rejected("there is no such account", "look at how the login is spelled")
            };
            match &self.what {
                What::Show { login } => {
                    let account = zamok.account_by_login(login).map_err(|error| nobody(error.into()))?;
                    show(&account, output)?;
                }
                What::Find { address } => {
                    let account = zamok.account_by_contact(address).map_err(|error| nobody(error.into()))?;
                    show(&account, output)?;
                }
                What::Vouch { login, address, reason } => {
                    let contact =
                        zamok.vouch_contact(login, address, reason).map_err(|error| nobody(error.into()))?;
                    let (kind, masked) = (contact.kind.name(), contact.masked());
                    output.line(format!("{login} has the {kind} {masked} ({}).", contact.id))?;
                    let contact = json!({"id": contact.id.to_string(), "kind": kind, "masked": masked});
                    output.object(&json!({"login": login, "contact": contact}))?;
                }
                What::ForgetContact { login, contact, reason } => {
                    let account = zamok.account_by_login(login).map_err(|error| nobody(error.into()))?;
                    let found = account.contacts.iter().find(|found| found.id.to_string() == *contact);
                    let found = found.ok_or_else(|| {
                        Failure::rejected("the account has no contact with this id")
                            .hint("`zamok accounts show LOGIN` tells the ids of its contacts")
                    })?;
                    zamok.remove_contact(login, found.id, reason).map_err(|error| {
                        let failure = Failure::from(error);
                        match failure.name {
                            "not-allowed" => Failure {
                                message: "codes are sent to this contact: it is a factor".into(),
                                ..failure
                            }
                            .hint("take the factor away first: `zamok factors list LOGIN`, then `zamok factors remove`"),
                            _ => failure,
                        }
                    })?;
                    output.line(format!("{} is no contact of {login} any more.", found.masked()))?;
                    output.object(&json!({"login": login, "removed": contact}))?;
                }
                What::ResetPassword { login, new, reason } => {
                    // A login that nobody has is told before anybody types a password.
                    zamok.account_by_login(login).map_err(|error| nobody(error.into()))?;
                    let new = new.read(output)?;
                    zamok.reset_password(login, &new, reason)?;
                    output.line(format!("{login} has another password, and its sessions have ended."))?;
                    output.object(&json!({"login": login, "reset": true}))?;
                }
                What::Limit { login, limits } => {
                    let limits = limits.read();
                    zamok.change_limits(login, &limits).map_err(|error| nobody(error.into()))?;
                    output.line(format!("The limits of {login} are: {limits}. Its sessions have ended."))?;
                    output.object(&json!({"login": login, "limits": limits.to_string()}))?;
                }
                What::Attribute { login, name, value, .. } => {
                    zamok
                        .set_attribute(login, name, value.as_deref())
                        .map_err(|error| nobody(error.into()))?;
                    let what = if value.is_some() { "written" } else { "taken away" };
                    output.line(format!("{name} of {login} is {what}. Its sessions have ended."))?;
                    output.object(&json!({"login": login, "name": name, "value": value}))?;
                }
                What::Roles { login, roles } => {
                    let account = zamok.account_by_login(login).map_err(|error| nobody(error.into()))?;
                    let roles = Roles::of(&roles.iter().copied().map(Role::from).collect::<Vec<_>>());
                    zamok.change_roles(login, roles)?;
                    output.line(format!("{} is: {roles}. Its sessions have ended.", account.login))?;
                    output.object(&json!({"login": account.login, "roles": roles.to_string()}))?;
                }
                What::Suspend { login, reason } | What::Resume { login, reason } => {
                    let suspend = matches!(self.what, What::Suspend { .. });
                    let step = if suspend { AccountStep::Suspend } else { AccountStep::Resume };
                    zamok.suspend_account(login, step, reason).map_err(|error| nobody(error.into()))?;
                    let state = if suspend { "suspended" } else { "open" };
                    output.line(format!("{login} is {state}."))?;
                    output.object(&json!({"login": login, "state": state}))?;
                }
                What::Erase { login, reason, really } => {
                    if login != really {
                        return Err(Failure::usage("--really names another account than the one to erase"));
                    }
                    let subject = zamok.erase_account(login, reason).map_err(|error| nobody(error.into()))?;
                    let subject = subject.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                    output.line(format!("{login} is erased; the journal knows it as {subject}."))?;
                    output.object(&json!({"login": login, "state": "erased", "subject": subject}))?;
                }
            }
            Ok(Exit::Done)
        })
    }
}

fn show(account: &Account, output: &Output) -> Result<(), Failure> {
    let registered = moment::text(UnixTime(account.registered.0));
    output.line(format!("{} ({:?}), registered {registered}", account.login, account.state))?;
    output.line(format!("roles: {}; limits: {}", account.roles, account.limits))?;
    for contact in &account.contacts {
        output.line(format!("{}: {} ({})", contact.kind.name(), contact.masked(), contact.id))?;
    }
    for (name, value) in &account.attributes {
        output.line(format!("{name}: {value}"))?;
    }
    let contacts: Vec<_> = account
        .contacts
        .iter()
        .map(|contact| json!({"id": contact.id.to_string(), "kind": contact.kind.name(), "masked": contact.masked()}))
        .collect();
    output.object(&json!({
        "login": account.login,
        "account": account.id.to_string(),
        "state": format!("{:?}", account.state).to_lowercase(),
        "registered": account.registered.0,
        "roles": account.roles.to_string(),
        "limits": account.limits.to_string(),
        "contacts": contacts,
        "attributes": account.attributes,
    }))
}
