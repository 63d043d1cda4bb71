//! The sanitiser of free text: length and a list of refused patterns.
//!
//! A second line of defence: output is escaped where it is shown and nothing
//! here reaches an SQL engine, but the documented API refuses these texts and
//! its clients rely on that.

use thiserror::Error;

/// Refused anywhere in a text, whatever the case (contract 1.8).
const PATTERNS: [&str; 9] = [
    "'; DROP TABLE",
    "'; DELETE FROM",
    "'; UPDATE",
    "<script>",
    "</script>",
    "javascript:",
    "onload=",
    "onerror=",
    "onclick=",
];

/// Why free text was refused (contract 1.8).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SanitiseError {
    /// Longer than allowed.
    #[error("Input too long: {length} characters, at most {limit}")]
    TooLong {
        /// Characters given.
        length: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// Contains a refused pattern.
    #[error("Invalid input detected")]
    Dangerous,
}

/// Refuses text that is too long or contains a pattern of contract 1.8.
///
/// # Errors
/// [`SanitiseError`].
pub fn sanitise(text: &str, limit_chars: usize) -> Result<&str, SanitiseError> {
    let length = text.chars().count();
    if length > limit_chars {
        return Err(SanitiseError::TooLong {
            length,
            limit: limit_chars,
        });
    }
    if PATTERNS
        .iter()
        .any(|pattern| contains_ignoring_case(text.as_bytes(), pattern.as_bytes()))
    {
        return Err(SanitiseError::Dangerous);
    }
    Ok(text)
}

/// The patterns are ASCII, so comparing bytes cannot split a character.
fn contains_ignoring_case(text: &[u8], pattern: &[u8]) -> bool {
    text.windows(pattern.len())
        .any(|window| window.eq_ignore_ascii_case(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_found_in_any_case_and_place() {
        for pattern in PATTERNS {
            for text in [
                pattern.to_owned(),
                format!("x{}y", pattern.to_lowercase()),
                pattern.to_uppercase(),
            ] {
                assert_eq!(
                    sanitise(&text, 100),
                    Err(SanitiseError::Dangerous),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn harmless_text_passes_unchanged() {
        for text in [
            "",
            "Field team",
            "現場タブレット",
            "drop table; update",
            "<b>script</b>",
            "onload =",
        ] {
            assert_eq!(sanitise(text, 100), Ok(text));
        }
    }

    #[test]
    fn the_limit_counts_characters_not_bytes() {
        let hundred = "鍵".repeat(100);
        assert_eq!(sanitise(&hundred, 100), Ok(&*hundred));
        let error = sanitise(&hundred, 99).expect_err("too long");
        assert_eq!(
            error,
            SanitiseError::TooLong {
                length: 100,
                limit: 99
            }
        );
    }
}
