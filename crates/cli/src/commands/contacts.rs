//! `zamok contacts`: phones and addresses of an account that are told and found, and are no factors (R9).

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::account::{Contact, ContactId, ContactKind};
use zamok::{Error, Zamok};

use super::factors::adding::{Agree, Test};
use super::keys::id_bytes;
use crate::arguments::{Shared, TokenSource};
use crate::challenges;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// As the owner of an account: list, add, change and take away its phones and addresses.
#[derive(Args, Debug)]
pub(crate) struct Contacts {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the phones and addresses of your account.
    List {
        #[command(flatten)]
        token: TokenSource,
    },
    /// Add a phone or an address, or put it in the place of another; a code is sent there, and it counts once `test` was right.
    Add(Add),
    /// Answer as the contact that is to be replaced.
    Agree(Agree),
    /// End the adding with the code that was sent there.
    Test(Test),
    /// Take a phone or an address away; all of them are told, and it is gone for good when policy says so.
    Drop {
        /// The id, as `list` shows it.
        #[arg(value_parser = contact_id)]
        id: ContactId,
        #[command(flatten)]
        token: TokenSource,
    },
}

#[derive(Args, Debug)]
struct Add {
    /// The phone as +79161234567, or the address.
    address: String,
    /// Put it in the place of this one, as `list` shows it. Where policy wants it, that one agrees first.
    #[arg(long, value_name = "ID", value_parser = contact_id)]
    replaces: Option<ContactId>,
    #[command(flatten)]
    token: TokenSource,
}

/// Reads the id of a contact.
fn contact_id(text: &str) -> Result<ContactId, String> {
    let id = id_bytes(text).map(ContactId);
    id.ok_or_else(|| "the id of a contact has 32 hexadecimal digits; `zamok contacts list` shows them".into())
}

impl Contacts {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            match &self.what {
                What::List { token } => list(zamok, token, output)?,
                What::Add(add) => add.run(zamok, output)?,
                What::Agree(agree) => agree.run(zamok, output)?,
                What::Test(test) => test.run(zamok, output)?,
                What::Drop { id, token } => {
                    let session = opening::session(zamok, token, output)?;
                    zamok.drop_contact(&session, *id).map_err(not_there)?;
                    output.line(
                        "Every contact is told, this one as well; it is gone when that cannot be taken back.",
                    )?;
                    output.object(&json!({"removed": id.to_string()}))?;
                }
            }
            Ok(Exit::Done)
        })
    }
}

fn not_there(error: Error) -> Failure {
    let failure = Failure::from(error);
    if error == Error::NotAllowed {
        let message = "codes are sent to this contact: it is a factor".into();
        return Failure { message, ..failure }
            .hint("change it with `zamok factors add KIND --replaces ID`, or take it away with `zamok factors drop`");
    }
    failure.when_rejected(
        "your account has no contact with this id",
        "`zamok contacts list` shows those that it has",
    )
}

fn list(zamok: &Zamok, token: &TokenSource, output: &Output) -> Result<(), Failure> {
    let session = opening::session(zamok, token, output)?;
    let contacts = zamok.account(&session)?.contacts;
    let verified: Vec<&Contact> = contacts.iter().filter(|contact| contact.verified).collect();
    if verified.is_empty() {
        output.line("Your account has no phone and no address.")?;
    }
    for contact in &verified {
        let until = contact.until.map(|until| format!("  until {}", moment::text(until)));
        output.line(format!(
            "{}  {}  {}{}",
            contact.id,
            contact.kind.name(),
            contact.masked(),
            until.unwrap_or_default()
        ))?;
    }
    let listed = verified.iter().map(|contact| {
        json!({
            "id": contact.id.to_string(), "kind": contact.kind.name(), "masked": contact.masked(),
            "until": contact.until.map(|until| until.0),
        })
    });
    output.object(&json!({"contacts": listed.collect::<Vec<_>>()}))
}

impl Add {
    fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        // Before the one that is replaced is sent a code.
        let (kind, address) = ContactKind::parse(&self.address)?;
        let session = opening::session(zamok, &self.token, output)?;
        let (enrolment, agreement) = match self.replaces {
            None => (zamok.begin_factor(&session)?, None),
            Some(old) => {
                let change = zamok.begin_contact_change(&session, old).map_err(not_there)?;
                (change.enrolment, change.agreement)
            }
        };
        zamok.offer_contact(&enrolment, &address)?;
        output.line("A code is sent there.")?;
        let id = hex(&enrolment.id);
        let mut object = json!({
            "enrolment": id, "kind": kind.name(), "state": "offered", "expires": enrolment.expires.0,
        });
        if let Some(agreement) = agreement {
            output.line("The contact that is replaced has to agree.")?;
            object["agreement"] = challenges::show(zamok, &agreement, None, output)?;
            output.remark(format!("next: zamok contacts agree {}", hex(&agreement.id)));
        }
        output.remark(format!("next: zamok contacts test {id}"));
        output.object(&object)
    }
}
