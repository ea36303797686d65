//! The commands, one file each.

pub(crate) mod check_proof;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod enrol;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod journal;
pub(crate) mod jwks;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod register;
pub(crate) mod resume;
pub(crate) mod sign;
pub(crate) mod verify;
pub(crate) mod why;

use crate::arguments::{Arguments, Command};
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Carries a command out.
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let shared = &arguments.shared;
    match &arguments.command {
        Command::Init(init) => init.run(shared, output),
        Command::Register(register) => register.run(shared, output),
        Command::Enrol(enrol) => enrol.run(shared, output),
        Command::Login(login) => login.run(shared, output),
        Command::Logout(logout) => logout.run(shared, output),
        Command::Resume(resume) => resume.run(shared, output),
        Command::Sign(sign) => sign.run(shared, output),
        Command::Verify(verify) => verify.run(shared, output),
        Command::Journal(journal) => journal.run(shared, output),
        Command::Jwks(jwks) => jwks.run(shared, output),
        Command::CheckProof(check_proof) => check_proof.run(output),
        Command::Import(import) => import.run(shared, output),
        Command::Convert(convert) => convert.run(output),
        Command::Why(why) => why.run(shared, output),
        Command::Doctor(doctor) => doctor.run(shared, output),
    }
}
