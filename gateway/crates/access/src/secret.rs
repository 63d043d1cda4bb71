//! Clear keys: making them, hashing them, and the two that everybody knows.
//!
//! A clear key lives in a [`Zeroizing`] string from the moment it is made until
//! it has been shown. The random part has 256 bits, so one round of SHA-256 is
//! enough: there is nothing to guess that slow hashing would protect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::KeyError;
use super::records::KeyId;

/// The admin key printed in public documents; accepted by the demo only.
pub const PUBLISHED_ADMIN_KEY: &str = "mfg-drone-admin-key-2024";
/// The read-only key printed in public documents; accepted by the demo only.
pub const PUBLISHED_READONLY_KEY: &str = "mfg-drone-readonly-2024";

/// Longest key that is looked at. Ours have 53 characters; the rest is room for
/// keys set by an operator. A longer header cannot be a key and is not hashed.
pub(super) const MAX_KEY_BYTES: usize = 256;

/// Every made key starts like this, so that scanners for leaked secrets find it.
const PREFIX: &str = "mfg-drone-";
/// Random bytes of a key: 43 characters of URL-safe base64.
const RANDOM_BYTES: usize = 32;
/// Hexadecimal digits of the hash that are shown.
pub(super) const PREVIEW_DIGITS: usize = 8;

/// Makes a key: the prefix and 43 URL-safe base64 characters of randomness.
///
/// # Errors
/// [`KeyError::Entropy`] when the kernel gives no random bytes.
pub(super) fn generate() -> Result<Zeroizing<String>, KeyError> {
    let mut random = Zeroizing::new([0_u8; RANDOM_BYTES]);
    getrandom::fill(random.as_mut_slice()).map_err(|error| KeyError::Entropy(error.to_string()))?;
    // Room for all of it at once: a growing string would leave pieces behind.
    let mut key = Zeroizing::new(String::with_capacity(PREFIX.len() + RANDOM_BYTES * 2));
    key.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut key);
    Ok(key)
}

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
    fn a_made_key_has_the_documented_form() {
        let key = generate().expect("randomness");
        let random = key.strip_prefix("mfg-drone-").expect("the prefix");
        assert_eq!(random.len(), 43);
        assert!(
            random
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        );
        assert_ne!(*key, *generate().expect("randomness"));
    }

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
