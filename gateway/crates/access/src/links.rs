//! One-time sign-in links: the secret in a QR code. Pure; bounded.
//!
//! A link is good once, for five minutes. Only the hash of its secret is kept, and
//! for an hour after its end, so that somebody who opens one twice or too late is
//! told so, and has not tried to guess.

use std::time::Duration;

use subtle::ConstantTimeEq as _;

use super::cookie::{self, Hash};
use super::records::KeyId;
use readings::clock::Mono;

/// How long a link may be used: time to take out a phone, and to trust the
/// gateway's certificate first.
pub const LINK_TTL: Duration = Duration::from_secs(300);
/// How long its end is remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Most links kept, used ones included; at capacity the oldest goes.
const MAX_LINKS: usize = 32;

/// What a link signs in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// This key.
    Key(KeyId),
    /// A key that is made when the link is used, so that none is left by one
    /// that nobody used.
    NewKey {
        name: String,
        permissions: String,
        expires_days: Option<u32>,
        by: String,
    },
}

#[derive(Debug)]
struct Link {
    hash: Hash,
    made: Mono,
    /// None: used.
    grant: Option<Grant>,
}

/// What a secret turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Good(Grant),
    Used,
    Expired,
    Unknown,
}

/// The links, oldest first.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: Vec<Link>,
    evicted: u64,
}

impl Links {
    /// Keeps a link.
    pub(super) fn add(&mut self, secret: &[u8], grant: Grant, now: Mono) {
        self.links
            .retain(|link| now.since(link.made) < LINK_TTL + REMEMBERED);
        if self.links.len() >= MAX_LINKS {
            self.evicted += 1;
            self.links.remove(0);
        }
        self.links.push(Link {
            hash: cookie::hash(secret),
            made: now,
            grant: Some(grant),
        });
    }

    /// Uses the link up.
    pub(super) fn take(&mut self, secret: &[u8], now: Mono) -> Found {
        let presented = cookie::hash(secret);
        let mut links = self.links.iter_mut();
        let Some(link) = links.rfind(|link| link.hash.ct_eq(&presented).into()) else {
            return Found::Unknown;
        };
        match &link.grant {
            None => Found::Used,
            Some(_) if now.since(link.made) >= LINK_TTL => Found::Expired,
            Some(_) => link.grant.take().map_or(Found::Used, Found::Good),
        }
    }

    /// Makes a link good again whose use came to nothing.
    pub(super) fn put_back(&mut self, secret: &[u8], grant: Grant) {
        let hash = cookie::hash(secret);
        if let Some(link) = self.links.iter_mut().find(|link| link.hash == hash) {
            link.grant = Some(grant);
        }
    }

    /// Links that had to make room, since the start.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: Grant = Grant::Key(KeyId([1; 32]));

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    #[test]
    fn a_link_is_good_once_and_for_five_minutes() {
        let mut links = Links::default();
        links.add(b"one", GRANT, at(0));
        links.add(b"two", GRANT, at(0));
        assert_eq!(links.take(b"other", at(1)), Found::Unknown);
        assert_eq!(links.take(b"one", at(299)), Found::Good(GRANT));
        assert_eq!(links.take(b"one", at(299)), Found::Used);
        assert_eq!(links.take(b"two", at(300)), Found::Expired);
        links.put_back(b"one", GRANT);
        assert_eq!(links.take(b"one", at(299)), Found::Good(GRANT));
    }

    #[test]
    fn the_oldest_goes_at_capacity() {
        let mut links = Links::default();
        for n in 0..=MAX_LINKS {
            links.add(&n.to_le_bytes(), GRANT, at(0));
        }
        assert_eq!(links.evicted(), 1);
        assert_eq!(links.links.len(), MAX_LINKS);
        assert_eq!(links.take(&0_usize.to_le_bytes(), at(0)), Found::Unknown);
        links.add(b"much later", GRANT, at(2 * 3600));
        assert_eq!(links.links.len(), 1, "what is over is forgotten");
    }
}
