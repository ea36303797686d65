//! The commands, one file each.

pub(crate) mod accounts;
pub(crate) mod answer;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod check_proof;
pub(crate) mod clients;
pub(crate) mod contacts;
pub(crate) mod convert;
pub(crate) mod delivery;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod enrol;
pub(crate) mod factors;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod journal;
pub(crate) mod jwks;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod ocra;
pub(crate) mod password;
pub(crate) mod policy;
pub(crate) mod powers;
pub(crate) mod recovery;
pub(crate) mod register;
pub(crate) mod restore;
pub(crate) mod resume;
pub(crate) mod risk;
pub(crate) mod rotate;
pub(crate) mod sessions;
pub(crate) mod sign;
pub(crate) mod slots;
pub(crate) mod store;
pub(crate) mod sweep;
pub(crate) mod token;
pub(crate) mod verify;
pub(crate) mod why;
pub(crate) mod witness;

use crate::arguments::{Arguments, Command};
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// Carries a command out.
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let shared = &arguments.shared;
    opening::reserve(shared);
    match &arguments.command {
        Command::Init(init) => init.run(shared, output),
        Command::Register(register) => register.run(shared, output),
        Command::Enrol(enrol) => enrol.run(shared, output),
        Command::Login(login) => login.run(shared, output),
        Command::Answer(answer) => answer.run(shared, output),
        Command::Logout(logout) => logout.run(shared, output),
        Command::Resume(resume) => resume.run(shared, output),
        Command::Sessions(sessions) => sessions.run(shared, output),
        Command::Slots(slots) => slots.run(shared, output),
        Command::Rotate(rotate) => rotate.run(shared, output),
        Command::Rewrap(rewrap) => rewrap.run(shared, output),
        Command::Sign(sign) => sign.run(shared, output),
        Command::Verify(verify) => verify.run(shared, output),
        Command::Journal(journal) => journal.run(shared, output),
        Command::Clients(clients) => clients.run(shared, output),
        Command::Token(token) => token.run(shared, output),
        Command::Jwks(jwks) => jwks.run(shared, output),
        Command::Keys(keys) => keys.run(shared, output),
        Command::CheckProof(check_proof) => check_proof.run(output),
        Command::Import(import) => import.run(shared, output),
        Command::Convert(convert) => convert.run(output),
        Command::Delivery(delivery) => delivery.run(shared, output),
        Command::Ocra(ocra) => ocra.run(shared, output),
        Command::Password(password) => password.run(shared, output),
        Command::Recovery(recovery) => recovery.run(shared, output),
        Command::Contacts(contacts) => contacts.run(shared, output),
        Command::Devices(devices) => devices.run(shared, output),
        Command::Powers(powers) => powers.run(shared, output),
        Command::Policy(policy) => policy.run(shared, output),
        Command::Risk(risk) => risk.run(output),
        Command::Audit(audit) => audit.run(shared, output),
        Command::Backup(backup) => backup.run(shared, output),
        Command::Restore(restore) => restore.run(shared, output),
        Command::Store(store) => store.run(shared, output),
        Command::Sweep(sweep) => sweep.run(shared, output),
        Command::Accounts(accounts) => accounts.run(shared, output),
        Command::Factors(factors) => factors.run(shared, output),
        Command::Why(why) => why.run(shared, output),
        Command::Witness(witness) => witness.run(shared, output),
        Command::Doctor(doctor) => doctor.run(shared, output),
    }
}
