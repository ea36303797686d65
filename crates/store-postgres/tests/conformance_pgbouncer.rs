//! The same suite through PgBouncer in transaction mode, where consecutive calls meet different sessions.

mod rig;

zamok_store_conformance::conformance! { factory: rig::InSchemas::new(rig::Route::Bouncer), inapplicable: [] }
