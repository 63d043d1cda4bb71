//! A short string of bounded length for names and log lines.
//!
//! A newtype, because `postcard`'s size derivation knows nothing of
//! `heapless` 0.9 and because text from the wire must be shown to people:
//! control characters, and those that turn the direction of writing, are
//! replaced on the way in.

use core::fmt;
use core::fmt::Write as _;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// UTF-8 text of at most `N` bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Text<const N: usize>(heapless::String<N>);

impl<const N: usize> Text<N> {
    /// Takes as much of `text` as fits, cut at a character boundary, with
    /// characters that mislead replaced by `?`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut kept = heapless::String::new();
        for character in text.chars() {
            if kept.push(shown(character)).is_err() {
                break;
            }
        }
        Self(kept)
    }

    /// Formats like `format!`, cutting at the capacity.
    #[must_use]
    pub fn format(arguments: fmt::Arguments<'_>) -> Self {
        let mut cut = Cut(Self::default());
        // The writer below takes all input, so this cannot fail; a `Display`
        // that fails on its own leaves what was written so far.
        let _ = cut.write_fmt(arguments);
        cut.0
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A log line must neither drive somebody's terminal nor read as another line: marks,
/// embeddings, overrides and isolates of the bidirectional algorithm (Unicode Annex 9).
fn shown(character: char) -> char {
    match character {
        '\u{061C}'
        | '\u{200E}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => '?',
        _ if character.is_control() => '?',
        _ => character,
    }
}

struct Cut<const N: usize>(Text<N>);

impl<const N: usize> fmt::Write for Cut<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.0.push(shown(character)).is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl<const N: usize> From<&str> for Text<N> {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Too long is an error (the sender broke the protocol); control
        // characters are only made harmless.
        heapless::String::<N>::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

impl<const N: usize> MaxSize for Text<N> {
    // A length varint of one byte holds up to 127.
    const POSTCARD_MAX_SIZE: usize = {
        assert!(N < 128, "text longer than a one-byte length");
        N + 1
    };
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn cuts_at_a_character_and_disarms_controls() {
        assert_eq!(Text::<4>::new("abcdef").as_str(), "abcd");
        assert_eq!(Text::<4>::new("ab電").as_str(), "ab");
        assert_eq!(Text::<8>::new("a\x1b[2Jb").as_str(), "a?[2Jb");
        assert_eq!(Text::<8>::new("a\u{202e}b\u{2066}").as_str(), "a?b?");
        assert_eq!(
            Text::<8>::format(format_args!("{}", "a\u{200f}b")).as_str(),
            "a?b"
        );
        assert_eq!(
            Text::<6>::format(format_args!("{}-{}", 123, 456)).as_str(),
            "123-45"
        );
    }

    #[test]
    fn text_longer_than_its_capacity_is_refused() {
        let mut buffer = [0; 32];
        let bytes = postcard::to_slice("longer than four", &mut buffer).expect("fits");
        assert!(postcard::from_bytes::<Text<4>>(bytes).is_err());
    }
}
