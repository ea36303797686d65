//! What speaks a wire format: access tokens that other services accept.

pub mod jwt;
