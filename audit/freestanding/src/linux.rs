//! All that this program has of an operating system: an entry point and two system calls (System V ABI for x86-64,
//! appendix A "Linux Conventions"), and the four functions that a compiler may call for copying memory.

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

/// The exit code of a panic; no step of the program uses it.
const PANICKED: i32 = 101;

// The kernel enters with the stack aligned to 16 bytes and no return address on it; a call restores what the ABI expects
// at the first instruction of a function. The frame pointer is cleared to mark the outermost frame (§3.4.1).
global_asm!(".globl _start", "_start:", "xor %ebp, %ebp", "call {main}", "ud2", main = sym crate::main, options(att_syntax));

/// Writes a line to standard output. What cannot be written is lost: the exit code is the answer.
pub(crate) fn print(line: &[u8]) {
    // SAFETY: system call 1 is write(descriptor, buffer, length); it reads `length` bytes from the slice and changes no
    // memory of this program. The kernel overwrites rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") 1_usize => _,
            in("rdi") 1_usize,
            in("rsi") line.as_ptr(),
            in("rdx") line.len(),
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, readonly),
        );
    }
}

/// Ends the program.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: system call 231 is exit_group(code); it does not return.
    unsafe { asm!("syscall", in("rax") 231_usize, in("edi") code, options(noreturn, nostack)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    print(b"freestanding: panicked\n");
    exit(PANICKED)
}

/// The unwind tables of the compiled `core` name this function. Nothing unwinds here: a panic ends the program.
// SAFETY: no other function of this program has the name; it takes no arguments into account.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    exit(PANICKED)
}

// Without a C library these must come from somewhere. String instructions, so that the compiler cannot turn a loop back
// into a call of the very function.

/// # Safety
/// As in C: `length` bytes at both places are valid, and they do not overlap.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's promise; the direction flag is clear on entry (§3.2.1).
    unsafe {
        asm!("rep movsb", inout("rcx") length => _, inout("rdi") to => _, inout("rsi") from => _, options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As in C: `length` bytes at both places are valid; they may overlap.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= length {
        // SAFETY: copying upwards overwrites no byte that is still to be read, since `to` does not lie inside the source.
        return unsafe { memcpy(to, from, length) };
    }
    // SAFETY: the caller's promise; `to` lies inside the source, so that it is copied downwards from the last byte, and
    // `length` is above 0. The direction flag is cleared again.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") length => _,
            inout("rdi") to.add(length).sub(1) => _,
            inout("rsi") from.add(length).sub(1) => _,
            options(nostack),
        );
    }
    to
}

/// # Safety
/// As in C: `length` bytes are valid.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("rep stosb", inout("rcx") length => _, inout("rdi") to => _, in("al") byte.to_le_bytes()[0], options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As in C: `length` bytes at both places are valid.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    for at in 0..length {
        // SAFETY: the caller's promise, and `at` is below `length`.
        let (left, right) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

/// # Safety
/// As in C: `length` bytes at both places are valid.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    // SAFETY: the caller's promise is the one that `memcmp` asks for.
    unsafe { memcmp(one, other, length) }
}
