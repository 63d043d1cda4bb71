//! The numbers in the bytes of a kernel file, by themselves: what a value means is
//! `decode.rs`' and `battery.rs`' business. Pure, and without allocating.

use crate::sensor::Absence;

/// Blank-separated fields.
pub(crate) fn fields(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|b| b.is_ascii_whitespace() || *b == 0)
        .filter(|f| !f.is_empty())
}

/// A decimal number standing alone. Stricter than Rust's own parser, which
/// takes `nan`, `inf` and exponents, none of which a driver prints.
pub(crate) fn decimal(bytes: &[u8]) -> Result<f64, Absence> {
    let mut all = fields(bytes);
    let (Some(field), None) = (all.next(), all.next()) else {
        return Err(Absence::NotANumber);
    };
    if !field
        .iter()
        .all(|b| b.is_ascii_digit() || b"+-.".contains(b))
    {
        return Err(Absence::NotANumber);
    }
    std::str::from_utf8(field)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Absence::NotANumber)
}
