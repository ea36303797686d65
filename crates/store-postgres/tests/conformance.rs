//! The PostgreSQL store passes the suite, all of it.

mod rig;

zamok_store_conformance::conformance! { factory: rig::InSchemas::new(rig::Route::Socket), inapplicable: [] }
