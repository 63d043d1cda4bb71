//! What an id may be: of a drone, of a bridge, wherever one is checked.
//!
//! An id stands in paths, file names, sources, alerts and metric labels, so it
//! holds nothing that any of them would have to escape. The grammar stands here once.

/// Longest id of a drone.
pub const MAX_ID_BYTES: usize = 64;

/// Whether `text` is an id of at most `max_bytes`: ASCII letters, digits, `_`, `-`.
#[must_use]
pub fn is_id(text: &str, max_bytes: usize) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= max_bytes && text.bytes().all(good)
}

/// What is wrong with `text` as an id of at most `max_bytes`, in words.
pub(super) fn problem(text: &str, max_bytes: usize) -> Option<String> {
    let words = || format!("{text:?} is not an id; use 1 to {max_bytes} letters, digits, _ and -");
    (!is_id(text, max_bytes)).then(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_needs_no_escaping_anywhere() {
        for good in ["a", "drone_001", "Hall-2", &"x".repeat(MAX_ID_BYTES)] {
            assert!(is_id(good, MAX_ID_BYTES), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a/b",
            "\u{e4}",
            "a.b",
            &"x".repeat(MAX_ID_BYTES + 1),
        ] {
            assert!(!is_id(bad, MAX_ID_BYTES), "{bad}");
        }
    }
}
