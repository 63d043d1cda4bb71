//! Clear keys: hashing them, previewing them, and the two that everybody knows.
//!
//! A clear key lives in a `Zeroizing` string from the moment it is made until
//! it has been shown. The random part has 256 bits, so one round of SHA-256 is
//! enough: there is nothing to guess that slow hashing would protect.

use sha2::{Digest as _, Sha256};

use super::records::KeyId;

/// The admin key printed in public documents; accepted by the demo only.
pub const PUBLISHED_ADMIN_KEY: &str = "mfg-drone-admin-key-2024";
/// The read-only key printed in public documents; accepted by the demo only.
pub const PUBLISHED_READONLY_KEY: &str = "mfg-drone-readonly-2024";

/// Longest key that is looked at. Ours have 53 characters; the rest is room for
/// keys set by an operator. A longer header cannot be a key and is not hashed.
pub(super) const MAX_KEY_BYTES: usize = 256;

/// Hexadecimal digits of the hash that are shown.
pub(super) const PREVIEW_DIGITS: usize = 8;

/// The hash by which a key is known.
pub(super) fn hash(key: &[u8]) -> KeyId {
    KeyId(Sha256::digest(key).into())
}

/// The first four bytes of the hash: what a preview shows, and the index of the
/// key table.
pub(super) fn public_part(id: &KeyId) -> u32 {
    let [first, second, third, fourth, ..] = id.0;
    u32::from_be_bytes([first, second, third, fourth])
}

/// Eight hex digits of the hash and `...`: the public identifier of a key.
#[must_use]
pub fn preview(id: &KeyId) -> String {
    format!("{:08x}...", public_part(id))
}

/// What `text` previews, with or without the dots.
pub(super) fn parse_preview(text: &str) -> Option<u32> {
    let digits = text.strip_suffix("...").unwrap_or(text);
    let is_preview =
        digits.len() == PREVIEW_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_preview
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preview_is_the_start_of_the_sha_256() {
        // SHA-256("abc") is the first example of FIPS 180-4.
        let id = hash(b"abc");
        assert_eq!(preview(&id), "ba7816bf...");
        assert_eq!(parse_preview("ba7816bf..."), Some(public_part(&id)));
        assert_eq!(parse_preview("BA7816BF"), Some(public_part(&id)));
        for other in [
            "",
            "...",
            "ba7816b",
            "ba7816bf.",
            "+a7816bf",
            "ba7816bg",
            "ba7816bfa",
        ] {
            assert_eq!(parse_preview(other), None, "{other:?}");
        }
    }
}
