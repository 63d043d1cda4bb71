//! What is known of a bundle before it is written: who asks, and what it says of
//! itself.
//!
//! Parses the request in the spool and RAUC's description. Both come from outside:
//! only characters that cannot lead anywhere else are taken.

use std::cmp::Ordering;

/// What is read of a request, in bytes; it has three short lines.
pub const REQUEST_BYTES: usize = 4096;

/// The bundle in its working place, and what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The format of the request; 1 is known here.
    pub format: String,
    /// Whoever asked tells updates apart by it.
    pub id: String,
    /// Whether the same or an older version may be installed.
    pub allow_downgrade: bool,
}

impl Request {
    /// Reads lines `NAME=VALUE`. Of a name that comes twice the first one counts; a
    /// value with any other character than letters, digits, `.` and `-` is none.
    #[must_use]
    pub fn parse(text: &str) -> Request {
        let safe = |character: char| character.is_ascii_alphanumeric() || ".-".contains(character);
        let value = |wanted: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            let found = pairs.find(|(name, value)| *name == wanted && value.chars().all(safe));
            found.map_or("", |(_, value)| value)
        };
        Request {
            format: value("format").to_owned(),
            id: value("id").to_owned(),
            allow_downgrade: value("allow_downgrade") == "yes",
        }
    }
}

/// A stick that could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stick {
    /// How many bundles are on it.
    pub bundles: usize,
    /// It has a file `allow-downgrade`.
    pub allow_downgrade: bool,
    /// It has a file `try-again`.
    pub try_again: bool,
}

/// What a bundle with a good signature says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its version; empty when it has characters that no version has.
    pub version: String,
    /// The kind of board that it is for.
    pub compatible: String,
    /// The version against the running one, as Debian compares them; none when
    /// dpkg does not take it for a version.
    pub newer: Option<Ordering>,
    /// The oldest version that may be installed, where this one is older: the newest that
    /// was ever kept, unless an admin went back.
    pub floor: Option<String>,
}

/// Version and kind of board of `rauc info --output-format=shell`.
#[must_use]
pub fn facts(shell: &str) -> (String, String) {
    let quoted = |name: &str| {
        let mut lines = shell.lines();
        lines.find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix("='")?;
            value.strip_suffix('\'')
        })
    };
    let safe = |character: char| character.is_ascii_alphanumeric() || ".+~-".contains(character);
    let version = quoted("RAUC_MF_VERSION").filter(|version| version.chars().all(safe));
    (
        version.unwrap_or_default().to_owned(),
        quoted("RAUC_MF_COMPATIBLE").unwrap_or_default().to_owned(),
    )
}

/// One line of `rauc install`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// ` 40% Copying image to rootfs.1`
    Percent(u8),
    /// `LastError: …`
    Error(&'a str),
    /// Anything else.
    Words,
}

impl Progress<'_> {
    /// Reads a line.
    #[must_use]
    pub fn parse(line: &str) -> Progress<'_> {
        if let Some(error) = line.strip_prefix("LastError: ") {
            return Progress::Error(error);
        }
        let number = line.split_once('%').and_then(|(before, _)| {
            let digits = before.rsplit(|character: char| !character.is_ascii_digit());
            digits.into_iter().next()?.parse().ok()
        });
        number.map_or(Progress::Words, Progress::Percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_the_gateway_writes_it() {
        let request = Request::parse("format=1\nid=0193ab\nallow_downgrade=yes\n");
        assert_eq!(
            (&*request.format, &*request.id, request.allow_downgrade),
            ("1", "0193ab", true)
        );
    }

    #[test]
    fn what_is_no_plain_value_is_none() {
        let request = Request::parse("id=$(reboot)\nid=7\nid=8\nformat=1 \nallow_downgrade=YES\n");
        assert_eq!(
            request,
            Request {
                id: "7".to_owned(),
                ..Request::default()
            }
        );
        assert_eq!(Request::parse("nothing\u{0}"), Request::default());
    }

    #[test]
    fn rauc_describes_a_bundle() {
        let said = "RAUC_MF_COMPATIBLE='mfg-drone-rpi-arm64'\nRAUC_MF_VERSION='0.2.0~rc1+b-1'\nRAUC_MF_BUILD=''\n";
        let found = facts(said);
        assert_eq!(
            found,
            ("0.2.0~rc1+b-1".to_owned(), "mfg-drone-rpi-arm64".to_owned())
        );
        assert_eq!(facts("RAUC_MF_VERSION='0.2 $x'\n"), Default::default());
        assert_eq!(facts(""), Default::default());
    }

    #[test]
    fn rauc_counts_up() {
        for (line, progress) in [
            (" 40% Copying image to rootfs.1", Progress::Percent(40)),
            ("100% Installing done.", Progress::Percent(100)),
            ("LastError: no space left", Progress::Error("no space left")),
            ("installing", Progress::Words),
            ("% of what", Progress::Words),
            ("999% more", Progress::Words),
        ] {
            assert_eq!(Progress::parse(line), progress, "{line}");
        }
    }
}
