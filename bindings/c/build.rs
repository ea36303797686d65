//! The SONAME: programs that were linked with one ABI version ask the loader for just that one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Kept equal to `ZAMOK_ABI_VERSION` by `cargo xtask c`.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libzamok.so.0");
}
