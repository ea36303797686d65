//! The compressions by SHA extensions, instruction by instruction, which valgrind 3.19 cannot run: a straight line from the first
//! instruction to the return, without a jump, a call, a division, a shift by a register, or an address that is reckoned with two
//! registers. So neither what is executed nor which memory is touched can depend on what is hashed.

use crate::Failure;
use crate::cargo_output::Counts;
use crate::process;
use crate::report::Outcome;
use std::path::Path;
use std::process::Command;

/// The functions that must be straight, by the end of their name, and the instruction that they are there for.
const STRAIGHT: [(&str, &str); 2] =
    [("::sha_ext::sha1_compress>:", "sha1rnds4"), ("::sha_ext::sha256_compress>:", "sha256rnds2")];

/// Looks at a program as `objdump` shows it.
pub(crate) fn check(program: &Path) -> Result<Outcome, Failure> {
    let mut objdump = Command::new("objdump");
    objdump.args(["--disassemble", "--demangle", "--no-show-raw-insn"]).arg(program);
    let listing = process::quiet(&mut objdump)?;
    let mut counts = Counts::default();
    for (name, instruction) in STRAIGHT {
        let found = functions(&listing, name);
        if found.is_empty() {
            return Err(format!("{} has no function `{name}`", program.display()));
        }
        for lines in &found {
            straight(lines, instruction).map_err(|reason| format!("{name} {reason}"))?;
            println!("straight: {name} {} instructions", lines.len());
            counts.passed += 1;
        }
    }
    Ok(Outcome::Tests { counts, complaint: None })
}

/// The instructions of every function whose line ends so: one for each number of streams.
fn functions<'a>(listing: &'a str, name: &str) -> Vec<Vec<&'a str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    let mut inside = false;
    for line in listing.lines() {
        if line.ends_with(">:") {
            inside = line.ends_with(name);
            if inside {
                found.push(Vec::new());
            }
        } else if let (true, Some((_, instruction))) = (inside, line.split_once(":\t")) {
            found.last_mut().expect("one was begun").push(instruction.trim());
        }
    }
    found
}

fn straight(instructions: &[&str], needed: &str) -> Result<(), Failure> {
    // What fills the space behind the return is not executed.
    let end = instructions.iter().position(|line| line.starts_with("ret")).ok_or("never returns")?;
    let (body, behind) = instructions.split_at(end);
    let is_filling = |line: &&str| {
        ["ret", "nop", "cs nop", "data16", "xchg", "int3"].iter().any(|at| line.starts_with(at))
    };
    if let Some(line) = behind.iter().find(|line| !is_filling(line)) {
        return Err(format!("goes on after its return: {line}"));
    }
    for line in body {
        let name = line.split_whitespace().next().unwrap_or_default();
        let turns = ["j", "call", "loop", "div", "idiv", "rep"].iter().any(|start| name.starts_with(start));
        let shifts =
            ["sh", "sa", "ro", "rc"].iter().any(|start| name.starts_with(start)) && line.contains("%cl");
        let indexed = line
            .split('(')
            .skip(1)
            .any(|operand| operand.split(')').next().is_some_and(|at| at.contains(',')));
        if turns || shifts || indexed {
            return Err(format!("has `{line}`"));
        }
    }
    if body.iter().any(|line| line.starts_with(needed)) { Ok(()) } else { Err(format!("has no {needed}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "0001 <zamok::sha_ext::sha1_compress>:\n  1:\tsub    $0x8,%rsp\n  2:\tsha1rnds4 $0x0,%xmm1,%xmm2\n  \
                           3:\tmovaps %xmm2,0x10(%rsi)\n  4:\tret\n  5:\tnop\n\n0006 <other>:\n  6:\tje     1 <x>\n  7:\tret\n";

    fn judged(listing: &str) -> Result<(), Failure> {
        let found = functions(listing, "::sha_ext::sha1_compress>:");
        assert_eq!(found.len(), 1);
        straight(&found[0], "sha1rnds4")
    }

    #[test]
    fn a_straight_function_is_taken_and_what_turns_or_reckons_is_not() {
        assert_eq!(judged(LISTING), Ok(()));
        for other in [
            "jne    1 <x>",
            "call   1 <x>",
            "div    %rcx",
            "shl    %cl,%eax",
            "mov    (%rax,%rcx,4),%edx",
            "rep movsb",
        ] {
            let altered = LISTING.replace("movaps %xmm2,0x10(%rsi)", other);
            assert!(judged(&altered).is_err(), "{other}");
        }
        assert!(judged(&LISTING.replace("sha1rnds4 $0x0,%xmm1,%xmm2", "nop")).is_err());
        assert!(judged(&LISTING.replace("5:\tnop", "5:\tmov    %eax,%ebx")).is_err());
    }
}
