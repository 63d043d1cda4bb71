//! Discord, by a channel's webhook: <https://discord.com/developers/docs/resources/webhook>.

use serde_json::{Value, json};

use crate::notify::message::{Urgency, cut, markdown};
use crate::notify::service::{Kind, MessageContext};
use readings::Level;

pub(super) const DISCORD: Kind = Kind::hook("discord", body);

/// Characters of an embed's title and text, as Discord allows them.
const TITLE_CHARS: usize = 256;
const TEXT_CHARS: usize = 4096;

fn body(said: &MessageContext<'_>) -> Value {
    let message = said.message;
    let facts = message.facts.iter().chain(&message.advice);
    let lines: Vec<String> = facts
        .map(|(name, value)| format!("**{name}:** {}", markdown(value)))
        .collect();
    let mut embed = json!({
        "title": cut(&markdown(&message.title), TITLE_CHARS),
        "description": cut(&lines.join("\n"), TEXT_CHARS),
        "color": colour(message.urgency),
    });
    if let Some((_, link)) = &message.link {
        embed["url"] = json!(link);
    }
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

/// As red, green and blue in one number.
const fn colour(urgency: Urgency) -> u32 {
    match urgency {
        Urgency::Over => 0x2e_b8_72,
        Urgency::Stands(Level::Critical) => 0xd9_2b_2b,
        Urgency::Stands(Level::Error) => 0xe0_5a_2b,
        Urgency::Stands(Level::Warning) => 0xe0_a3_2b,
        Urgency::Stands(Level::Info) => 0x43_9f_e0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notify::Language;
    use crate::notify::services::tests::sent;
    use crate::notify::tests::battery;
    use store::OutboxEvent;

    #[test]
    fn an_embed_leads_to_the_page_and_mentions_nobody() {
        let mut alert = battery(OutboxEvent::Raised);
        alert.gateway = "@everyone [x](https://evil.example)".into();
        let body = sent(
            &DISCORD,
            &alert,
            Language::En,
            "https://discord.com/x",
            None,
        );
        let embed = &body["embeds"][0];
        let title = embed["title"].as_str().expect("a title");
        assert!(title.contains(r"\[x\]"), "{title}");
        assert_eq!(body["allowed_mentions"]["parse"], json!([]));
        assert_eq!(embed["url"], "https://roof.example:8443/#/alerts");
        let text = embed["description"].as_str().expect("a text");
        assert!(
            text.contains(r"**Drone:** North hall (drone\_001)"),
            "{text}"
        );
        assert!(
            text.ends_with("**What to do:** Land it and change the battery."),
            "{text}"
        );
    }
}
