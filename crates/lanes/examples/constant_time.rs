//! For valgrind's memcheck: codes from keys that are marked as secret, by every kernel that the machine can
//! run.
//!
//! `cargo build -p zamok-lanes --release --example constant_time --features ct-check,force`, then `valgrind
//! --error-exitcode=1 target/release/examples/constant_time`. With the argument `leak` it branches on a code
//! before that is made public, to show that the checker sees it. (Memcheck hides from programs the
//! instructions that it does not know itself; the first lines tell which kernels it ran.)

use zamok_lanes::{Hash, MacKey, Sha1, Sha256, Sha512, batch_with, ct, tag, variants, window_with};

fn codes<H: Hash>(leak: bool) {
    const COUNT: usize = 37;
    let bytes: [u8; 20] = *b"12345678901234567890";
    let counters: [u64; COUNT] = core::array::from_fn(|counter| counter as u64);
    ct::secret(&bytes);
    let key = MacKey::<H>::new(&bytes).expect("twenty bytes");
    ct::public(tag(&key, 0).as_ref());

    for variant in variants() {
        for count in [1, 2, 3, 4, COUNT] {
            let mut values = [0; COUNT];
            window_with(variant, &key, &counters[..count], &mut values[..count]);
            if leak && values[0] & 1 == 1 {
                println!("an odd code");
            }
            batch_with(variant, &vec![&key; count], &counters[..count], &mut values[..count]);
            ct::public(&values);
            println!("{variant:?}, {count}: {}", values[0]);
        }
    }
}

fn main() {
    let leak = std::env::args().any(|argument| argument == "leak");
    codes::<Sha1>(leak);
    codes::<Sha256>(leak);
    codes::<Sha512>(leak);
}
