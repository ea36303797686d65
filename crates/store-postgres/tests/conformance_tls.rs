//! The same suite over TCP and TLS, with a password that is bound to the channel.

mod rig;

zamok_store_conformance::conformance! { factory: rig::InSchemas::new(rig::Route::Tls), inapplicable: [] }
