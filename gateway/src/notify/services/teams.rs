//! Microsoft Teams, by a workflow "when a webhook request is received": an adaptive card,
//! <https://adaptivecards.io/explorer/>.

use serde_json::{Value, json};

use crate::notify::message::{Urgency, cut};
use crate::notify::service::{Kind, MessageContext};
use readings::Level;

pub(super) const TEAMS: Kind = Kind::hook("teams", body);

/// Characters of one line: a card may have 28 KB in all.
const LINE_CHARS: usize = 2000;

fn body(said: &MessageContext<'_>) -> Value {
    let message = said.message;
    let mut blocks = vec![json!({
        "type": "RichTextBlock",
        "inlines": [{
            "type": "TextRun",
            "text": cut(&message.title, LINE_CHARS),
            "size": "medium",
            "weight": "bolder",
            "color": colour(message.urgency),
        }],
    })];
    // Runs of text know no Markdown, as every other element does: a name is a name.
    for (name, value) in message.facts.iter().chain(&message.advice) {
        blocks.push(json!({
            "type": "RichTextBlock",
            "spacing": "small",
            "inlines": [
                { "type": "TextRun", "text": format!("{name}: "), "weight": "bolder" },
                { "type": "TextRun", "text": cut(value, LINE_CHARS) },
            ],
        }));
    }
    let link = message.link.iter();
    let actions: Vec<Value> = link
        .map(|(name, link)| json!({ "type": "Action.OpenUrl", "title": name, "url": link }))
        .collect();
    json!({
        "type": "message",
        "summary": cut(&message.title, LINE_CHARS),
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": blocks,
                "actions": actions,
            },
        }],
    })
}

const fn colour(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Over => "good",
        Urgency::Stands(Level::Critical | Level::Error) => "attention",
        Urgency::Stands(Level::Warning) => "warning",
        Urgency::Stands(Level::Info) => "accent",
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
    fn a_card_has_every_part_and_no_mark_up() {
        let alert = battery(OutboxEvent::Raised);
        let body = sent(&TEAMS, &alert, Language::Ja, "https://flow.example/x", None);
        assert_eq!(body["type"], "message");
        let attachment = &body["attachments"][0];
        assert_eq!(
            attachment["contentType"],
            "application/vnd.microsoft.card.adaptive"
        );
        let card = &attachment["content"];
        let blocks = card["body"].as_array().expect("blocks");
        assert!(blocks.iter().all(|block| block["type"] == "RichTextBlock"));
        let title = &blocks[0]["inlines"][0];
        assert_eq!(title["color"], "attention");
        assert_eq!(
            title["text"],
            "[roof] 重大: North hall: バッテリー残量 9 %（10 % 未満）"
        );
        assert_eq!(blocks[1]["inlines"][1]["text"], "roof");
        assert_eq!(blocks[2]["inlines"][1]["text"], "North hall (drone_001)");
        assert_eq!(
            card["actions"][0]["url"],
            "https://roof.example:8443/#/alerts"
        );
    }
}
