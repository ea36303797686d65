//! Doors for the fuzz targets alone: what a carrier sends, read without a carrier.

pub use super::smpp::fuzzing::{Heard, smpp};
