//! Where a store lies, as an operator writes it: what is read can be printed, and nothing is asked of anybody.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use libfuzzer_sys::fuzz_target;
use zamok::StoreUrl;
use zamok_fuzz::accepted;
use zamok_store_postgres::PostgresUrl;

fuzz_target!(|input: &[u8]| {
    let Ok(url) = StoreUrl::parse(OsStr::from_bytes(input)) else { return };
    assert!(!url.to_string().is_empty());
    match &url {
        StoreUrl::Sqlite(path) => {
            accepted("sqlite");
            assert!(input.ends_with(path.as_os_str().as_bytes()));
        }
        StoreUrl::Postgres(own) => {
            accepted("postgres");
            let text = str::from_utf8(input).expect("a URL of PostgreSQL is text");
            assert_eq!(PostgresUrl::parse(text).as_ref(), Ok(&**own));
            if own.holds_password() {
                accepted("password");
            }
            let _ = own.is_private();
        }
        StoreUrl::Memory => accepted("memory"),
        _ => {}
    }
});
