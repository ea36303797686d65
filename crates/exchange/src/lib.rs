//! Moving one-time-password keys in and out.
