//! The device's key: it signs what this gateway recorded.
//!
//! Ed25519, made at the first recording, 0600 beside the recordings' directory. Whoever
//! holds it can sign, so it never leaves the board: backups and downloads leave it out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::format::SIGNATURE_BYTES;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refuses.
    #[error("the key {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds no key.
    #[error(
        "{} holds no Ed25519 key; remove it, and a new one is made: older recordings then name the old one",
        .0.display()
    )]
    NoKey(PathBuf),
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// The key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key in `path`; made when there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(path: &Path) -> Result<SigningKey, KeyError> {
        let refused = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        match fs::read(path) {
            Ok(bytes) => SigningKey::read(&bytes).ok_or_else(|| KeyError::NoKey(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|_| KeyError::Random)?;
                durable::replace(path, made.as_ref()).map_err(refused)?;
                SigningKey::read(made.as_ref()).ok_or(KeyError::Random)
            }
            Err(error) => Err(refused(error)),
        }
    }

    fn read(bytes: &[u8]) -> Option<SigningKey> {
        Ed25519KeyPair::from_pkcs8(bytes).ok().map(SigningKey)
    }

    /// The public half, in hexadecimal digits, as openings have it.
    #[must_use]
    pub fn public(&self) -> String {
        HEXLOWER.encode(self.0.public_key().as_ref())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

/// Whether `signature` is that of `message` by the key `public`.
pub(crate) fn is_signed(public: &str, message: &[u8], signature: &[u8]) -> bool {
    let key = HEXLOWER.decode(public.as_bytes());
    key.is_ok_and(|key| {
        UnparsedPublicKey::new(&ED25519, key)
            .verify(message, signature)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("device.key");
        let made = SigningKey::open(&path).expect("made");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = SigningKey::open(&path).expect("read");
        assert_eq!(made.public(), again.public());
        let signature = made.sign(b"words");
        assert!(is_signed(&again.public(), b"words", &signature));
        assert!(!is_signed(&again.public(), b"other words", &signature));
        let other = SigningKey::open(&dir.path().join("other")).expect("made");
        assert!(!is_signed(&other.public(), b"words", &signature));
        fs::write(&path, b"no key").expect("written");
        assert!(matches!(SigningKey::open(&path), Err(KeyError::NoKey(_))));
    }
}
