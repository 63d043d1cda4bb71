//! Protocol versions and the policy for changing them.
//!
//! # Policy
//!
//! 1. Bytes once released never change meaning. Enum variants are only
//!    appended; fields are never added to, removed from or reordered in an
//!    existing variant. A changed message is a *new* variant.
//! 2. Appending a variant raises [`CURRENT`] by one, gives the variant that
//!    number in `Message::since`, and adds a folder `tests/golden/vN/`.
//!    Existing golden files are never edited.
//! 3. Every frame carries the version that introduced its message. Neither
//!    side sends a message newer than the version both settled on in the
//!    greeting.
//! 4. `Hello` and `Greeting` are frozen and always travel as version
//!    `HANDSHAKE`, so that any two builds can at least tell each other why
//!    they cannot talk.
//! 5. [`MIN`] is raised only when a version is given up on purpose. A board
//!    below it is reported as incompatible, never guessed at.

/// The oldest version this build still speaks.
pub const MIN: u8 = 1;

/// The newest version this build speaks.
pub const CURRENT: u8 = 1;

/// The version under which `Hello` and `Greeting` travel, for ever.
pub(crate) const HANDSHAKE: u8 = 1;

/// The largest version number the frame header has room for.
pub const LIMIT: u8 = 0x7f;

const _: () = assert!(HANDSHAKE <= MIN && MIN <= CURRENT && CURRENT <= LIMIT);

/// The versions one side speaks, as told in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Oldest version spoken.
    pub min: u8,
    /// Newest version spoken.
    pub current: u8,
}

/// What this build speaks.
pub(crate) const OURS: Range = Range {
    min: MIN,
    current: CURRENT,
};

impl Range {
    /// The newest version both sides speak; `None` when there is none.
    #[must_use]
    pub fn common(self, other: Range) -> Option<u8> {
        let newest = self.current.min(other.current);
        let oldest = self.min.max(other.min);
        (oldest <= newest).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn the_newest_common_version_wins() {
        let range = |min, current| Range { min, current };
        assert_eq!(range(1, 3).common(range(2, 5)), Some(3));
        assert_eq!(range(2, 5).common(range(1, 3)), Some(3));
        assert_eq!(range(1, 1).common(range(1, 1)), Some(1));
        assert_eq!(range(1, 2).common(range(3, 4)), None);
        // An inverted range from a confused peer matches nothing.
        assert_eq!(range(4, 2).common(range(1, 9)), None);
    }
}
