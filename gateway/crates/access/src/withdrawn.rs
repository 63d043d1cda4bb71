//! Hashes of keys that were revoked in this run. Pure; bounded.
//!
//! Whoever goes on polling with a revoked key does not guess: it is a client that
//! was not told. It is refused like one whose key has expired, and its address,
//! which others may share, is not locked out for it. A restart forgets them.

use std::collections::VecDeque;

use subtle::ConstantTimeEq as _;

use super::records::KeyId;

/// Most keys remembered, 8 KiB of hashes; the oldest goes. As many as a table of
/// the default size holds, so that not even replacing all of them locks anybody out.
const MAX_WITHDRAWN: usize = 256;

/// The hashes, oldest first.
#[derive(Debug, Default)]
pub(super) struct Withdrawn(VecDeque<KeyId>);

impl Withdrawn {
    /// Remembers a key.
    pub(super) fn add(&mut self, id: KeyId) {
        if self.0.len() == MAX_WITHDRAWN {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }

    /// Whether this key was revoked. Looks at all of them, whichever it is.
    pub(super) fn contains(&self, id: &KeyId) -> bool {
        self.0
            .iter()
            .fold(false, |found, one| found | bool::from(one.0.ct_eq(&id.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let id = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            KeyId(bytes)
        };
        let mut withdrawn = Withdrawn::default();
        (0..=MAX_WITHDRAWN).for_each(|n| withdrawn.add(id(n)));
        assert!(!withdrawn.contains(&id(0)), "the oldest is forgotten");
        assert!((1..=MAX_WITHDRAWN).all(|n| withdrawn.contains(&id(n))));
        assert_eq!(withdrawn.0.len(), MAX_WITHDRAWN);
    }
}
