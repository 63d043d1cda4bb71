//! What no name may hold: characters that make a line of a log or a list read as another.

/// Whether `character` breaks a line, or turns the direction in which what follows is
/// shown: control characters, line and paragraph separators, marks, embeddings,
/// overrides and isolates of the bidirectional algorithm (Unicode Annex 9).
#[must_use]
pub fn is_misleading(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061C}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_script_pass_and_turned_ones_do_not() {
        for name in ["North hall 2", "北ホール", "قاعة", "Ünïté 🚁", "ن\u{200C}و"] {
            assert!(!name.chars().any(is_misleading), "{name}");
        }
        for name in [
            "a\nb",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{202E}b",
            "a\u{2066}b",
            "\u{200F}b",
        ] {
            assert!(name.chars().any(is_misleading), "{name:?}");
        }
    }
}
