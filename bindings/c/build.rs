//! How the shared library is linked: by its SONAME programs that were linked with one ABI version ask the loader for just that one, and
//! it is never unloaded, since threads of its own may outlive a dlclose().

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Kept equal to `ZAMOK_ABI_VERSION` by `cargo xtask c`.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libzamok.so.0");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
