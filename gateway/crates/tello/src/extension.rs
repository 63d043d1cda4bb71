//! `EXT …`: text for the controller on the TT's back (SDK 3.0), passed on as it is.
//!
//! What it means is that controller's to say (lamp, matrix of lamps, a second distance
//! sensor), and its firmware is the owner's to change: so nothing is judged here but
//! that it is one line of plain text. Pure text.

use std::fmt;

/// Longest text: a matrix of 64 lamps and the words before it, with some room.
pub const MAX_EXTENSION_BYTES: usize = 96;

/// What stands behind `EXT`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// Kept in place, so that commands are copied and never allocated.
    text: [u8; MAX_EXTENSION_BYTES],
    length: u8,
}

impl Extension {
    /// That text; none when it is empty, too long, or not one line of printable ASCII: a
    /// line end would be a second command to some firmwares.
    #[must_use]
    pub fn new(text: &str) -> Option<Extension> {
        let given = text.trim();
        let is_plain = given.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        if given.is_empty() || !is_plain {
            return None;
        }
        let mut text = [0; MAX_EXTENSION_BYTES];
        text.get_mut(..given.len())?
            .copy_from_slice(given.as_bytes());
        Some(Extension {
            text,
            length: u8::try_from(given.len()).ok()?,
        })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        // Only ASCII comes in, so this is text in any case.
        std::str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Extension").field(&self.text()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_plain_text_is_kept_as_it_is() {
        for text in ["led 0 255 0", "mled l r 2.5 Hello  you!", "tof?"] {
            assert_eq!(
                Extension::new(text).map(|it| it.to_string()),
                Some(text.into())
            );
        }
        let lamps = format!("mled g {}", "r".repeat(64));
        assert!(Extension::new(&lamps).is_some());
        assert_eq!(
            Extension::new(" led 1 2 3\r\n").map(|it| it.to_string()),
            Some("led 1 2 3".into())
        );
        for text in ["", " \n", "led\nland", "mled s r é", &"x".repeat(97)] {
            assert_eq!(Extension::new(text), None, "{text:?}");
        }
    }
}
