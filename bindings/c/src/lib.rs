//! `libzamok`: all that `zamok-c-abi` exports, as a library for C. Nothing stands here, so that the crate with the functions
//! can also be linked by Rust programs (fuzz targets, tests), and this one be optimised as a whole.

extern crate zamok_c_abi as _;
