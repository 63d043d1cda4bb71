//! What a browser's cookie stands for: a session that outlives one request.
//!
//! Only the hash of the cookie is kept. Whoever holds a `Session` of it shares this,
//! and so hears when somebody signs out. Knows no table and no key.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use readings::clock::Mono;

/// Random bytes of a cookie, and of the secret of a sign-in link.
const SECRET_BYTES: usize = 32;

/// SHA-256 of a cookie or of a link's secret.
pub(super) type Hash = [u8; 32];

/// Makes a secret: 43 URL-safe characters of randomness.
pub(super) fn secret() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut random = Zeroizing::new([0_u8; SECRET_BYTES]);
    getrandom::fill(random.as_mut_slice())?;
    // Room for all of it at once: a growing string would leave pieces behind.
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES * 2));
    URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut text);
    Ok(text)
}

/// The hash by which a secret is known.
pub(super) fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).into()
}

/// One signed-in browser.
#[derive(Debug)]
pub(super) struct Cookie {
    /// Hash of the cookie.
    pub(super) hash: Hash,
    /// When it is over, whatever the clock on the wall says meanwhile.
    pub(super) expires: Mono,
    /// Whether somebody signed out, or it was evicted.
    ended: AtomicBool,
    /// Whether the medium knows of it.
    kept: AtomicBool,
    /// Milliseconds on the monotonic clock when it was last shown.
    seen_ms: AtomicU64,
}

impl Cookie {
    pub(super) fn new(hash: Hash, now: Mono, expires: Mono) -> Cookie {
        Cookie {
            hash,
            expires,
            ended: AtomicBool::new(false),
            kept: AtomicBool::new(false),
            seen_ms: AtomicU64::new(now.as_millis()),
        }
    }

    /// Its public number: the beginning of the hash, as the preview of a key is.
    /// It opens nothing, and stays the same over a restart.
    pub(super) fn number(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.hash;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn mark_kept(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    pub(super) fn is_live(&self, now: Mono) -> bool {
        !self.ended.load(Ordering::Acquire) && now < self.expires
    }

    /// How long it may still last.
    pub(super) fn left(&self, now: Mono) -> Duration {
        self.expires.since(now)
    }

    pub(super) fn show(&self, now: Mono) {
        self.seen_ms.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn seen(&self) -> Mono {
        Mono::from_millis(self.seen_ms.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::from_millis(ms)
    }

    #[test]
    fn a_cookie_is_good_until_its_time_is_over_or_somebody_signs_out() {
        let cookie = Cookie::new([7; 32], at(10), at(100));
        assert!(cookie.is_live(at(99)) && !cookie.is_live(at(100)));
        assert_eq!(cookie.left(at(40)), Duration::from_millis(60));
        assert_eq!(cookie.left(at(101)), Duration::ZERO);
        cookie.end();
        assert!(!cookie.is_live(at(11)));
    }

    #[test]
    fn it_is_seen_when_it_was_shown_last() {
        let cookie = Cookie::new([7; 32], at(10), at(100));
        assert_eq!(cookie.seen(), at(10));
        cookie.show(at(50));
        cookie.show(at(30));
        assert_eq!(cookie.seen(), at(50), "never earlier than it was");
        assert!(!cookie.is_kept());
        cookie.mark_kept();
        assert!(cookie.is_kept());
    }

    #[test]
    fn its_number_is_the_beginning_of_its_hash_and_secrets_differ() {
        let mut bytes = [0; 32];
        bytes[..9].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let cookie = Cookie::new(bytes, at(0), at(1));
        assert_eq!(cookie.number(), 0x0102_0304_0506_0708);
        let (one, other) = (secret().expect("random"), secret().expect("random"));
        assert_eq!(one.len(), 43);
        assert_ne!(hash(one.as_bytes()), hash(other.as_bytes()));
        assert_eq!(hash(one.as_bytes()), hash(one.as_bytes()));
    }
}
