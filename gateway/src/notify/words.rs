//! The words of messages, in both languages. Pure.
//!
//! What an alert is called, and what to do about it, are the page's own words
//! (`web/app/words-*.js`), taken over by the build; what only messages say stands here.

use crate::config::notify::Language;

// `WORDS`: name, English, Japanese, in the order of names.
include!(concat!(env!("OUT_DIR"), "/words.rs"));

/// The page's word `family.name`, if it has one.
pub(super) fn of(language: Language, family: &str, name: &str) -> Option<&'static str> {
    let wanted = format!("{family}.{name}");
    let at = WORDS.binary_search_by(|(known, _)| (*known).cmp(&*wanted));
    at.ok().map(|at| chosen(language, WORDS[at].1))
}

/// The same with blanks filled in: `{value}` by what stands beside `value`.
pub(super) fn filled(
    language: Language,
    family: &str,
    name: &str,
    blanks: &[(&str, &str)],
) -> Option<String> {
    let text = of(language, family, name)?;
    let (mut filled, mut rest) = (String::new(), text);
    // One pass: what is filled in may itself look like a blank.
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((blank, behind)) = after.split_once('}') else {
            break;
        };
        let value = blanks.iter().find(|(name, _)| *name == blank);
        filled.push_str(value.map_or("", |(_, value)| value));
        rest = behind;
    }
    filled.push_str(rest);
    Some(filled)
}

fn chosen(language: Language, words: [&'static str; 2]) -> &'static str {
    match language {
        Language::En => words[0],
        Language::Ja => words[1],
    }
}

/// What only messages say.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phrase {
    Gateway,
    Drone,
    Source,
    Since,
    Details,
    Advice,
    By,
    Open,
    ByItself,
    Simulated,
    Test,
    Over,
    Unanswered,
    Also,
    CameAndWent,
}

impl Phrase {
    /// In that language.
    pub(super) fn say(self, language: Language) -> &'static str {
        let words = match self {
            Phrase::Gateway => ["Gateway", "ゲートウェイ"],
            Phrase::Drone => ["Drone", "ドローン"],
            Phrase::Source => ["Source", "対象"],
            Phrase::Since => ["Since", "発生"],
            Phrase::Details => ["Details", "詳細"],
            Phrase::Advice => ["What to do", "対処"],
            Phrase::By => ["By", "担当"],
            Phrase::Open => ["Open the alerts", "アラートを開く"],
            Phrase::ByItself => ["by itself", "自動"],
            Phrase::Simulated => ["simulated", "シミュレーション"],
            Phrase::Test => [
                "This is a test of the notification; nothing is wrong.",
                "通知のテストです。異常はありません。",
            ],
            Phrase::Over => ["Over now", "現在は正常"],
            Phrase::Unanswered => ["Nobody has acknowledged it for", "未確認のまま"],
            Phrase::Also => ["Also", "同時に"],
            Phrase::CameAndWent => [
                "Over by now, and not told in time",
                "通知できない間に発生し、すでに収まったアラート",
            ],
        };
        chosen(language, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_page_are_found_in_both_languages() {
        assert!(WORDS.is_sorted(), "looked up by halves");
        assert_eq!(of(Language::En, "level", "critical"), Some("Critical"));
        assert_eq!(of(Language::Ja, "level", "critical"), Some("重大"));
        assert_eq!(
            of(Language::Ja, "metric", "battery_level"),
            Some("バッテリー残量")
        );
        assert_eq!(of(Language::En, "metric", "phase_of_the_moon"), None);
        // Every metric has a name, or a message would show that of a program.
        for name in readings::Metric::NAMES {
            assert!(of(Language::Ja, "metric", name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_fills_a_blank_is_not_filled_again() {
        let blanks = [("subject", "{event}"), ("event", "x")];
        let filled = filled(Language::En, "alert", "sentence", &blanks);
        assert_eq!(filled.as_deref(), Some("{event}: x"));
    }
}
