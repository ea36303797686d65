//! `libzamok_engine.a`: what `zamok-c-abi` exports without its second layer, for programs without an operating system.
#![no_std]

extern crate zamok_c_abi as _;

/// Nothing in the engine panics on any input that its tests and fuzz targets know of. Where it does all the same, the program
/// stops: firmware that wants to restart instead has its watchdog.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// What the precompiled `core` names in its tables for unwinding, and nobody calls: a linker that does not know Rust asks for it.
// SAFETY: std, which has the other definition, is not linked here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
