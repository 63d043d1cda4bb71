//! Keys as people type them.
//!
//! On a Japanese keyboard the same key comes out full-width as easily as not: that is
//! no wrong key. Keys are printable ASCII without spaces, so nothing is lost.

use zeroize::Zeroizing;

/// From a full-width character to its ASCII one.
const FULL_WIDTH: u32 = 0xFEE0;

/// `typed` in ASCII, without the spaces around it. What has no counterpart stays,
/// and is wrong.
pub(super) fn fold(typed: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(typed.len()));
    // (`trim` knows the ideographic space, U+3000.)
    folded.extend(typed.trim().chars().map(|one| match one {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(one as u32 - FULL_WIDTH).unwrap_or(one),
        // What such keyboards make of a hyphen: prolonged sound mark, hyphen, minus.
        '\u{30FC}' | '\u{2010}' | '\u{2212}' => '-',
        _ => one,
    }));
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_characters_are_what_they_mean() {
        let typed = "\u{3000}ｍｆｇ－ｄｒｏｎｅーＡ１＿\u{FF01}\u{FF5E} \n";
        assert_eq!(*fold(typed), "mfg-drone-A1_!~");
        assert_eq!(*fold("plain-Key_09"), "plain-Key_09");
        assert_eq!(*fold("あ"), "あ");
    }
}
