//! Secrets made at random.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::error::KeyError;

/// Every made key starts like this, so that scanners for leaked secrets find it.
const PREFIX: &str = "mfg-drone-";
/// Random bytes of a key: 43 characters of URL-safe base64.
const RANDOM_BYTES: usize = 32;
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

/// Whether `text` begins as every made key does. A token that others made does not.
#[must_use]
pub fn is_key_shaped(text: &[u8]) -> bool {
    text.starts_with(PREFIX.as_bytes())
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
        assert!(is_key_shaped(key.as_bytes()));
        assert!(!is_key_shaped(b"eyJhbGciOiJIUzI1NiJ9.e30.x"));
    }
}
