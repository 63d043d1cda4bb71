//! A Tello's video: an H.264 byte stream, taken apart as far as relaying needs.
//!
//! `units` gathers whole pictures out of datagrams, `picture` judges whether a
//! decoder can use them, by the parameter sets that `sps` reads; `nal` knows the
//! bytes. No picture is decoded here. Pure.

#[cfg(test)]
mod clip;
mod nal;
mod picture;
mod sps;
mod units;

pub use nal::{find_start_code, nal_units, opens_access_unit};
pub use picture::{ParameterSets, Verdict};
pub use sps::Sps;
pub use units::{AccessUnits, Gathered, MAX_UNIT_BYTES, access_units};
