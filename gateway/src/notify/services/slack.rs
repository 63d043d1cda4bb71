//! Slack, by an incoming webhook: <https://api.slack.com/messaging/webhooks>.

use serde_json::{Value, json};

use crate::notify::message::{Urgency, cut};
use crate::notify::service::{Kind, MessageContext};
use readings::Level;

pub(super) const SLACK: Kind = Kind::hook("slack", body);

/// Characters of a section, as Slack allows them.
const SECTION_CHARS: usize = 3000;

fn body(said: &MessageContext<'_>) -> Value {
    let message = said.message;
    // `plain_text` has no mark-up: nothing in a name can mention anybody.
    let mut blocks = vec![json!({
        "type": "section",
        "text": {
            "type": "plain_text",
            "emoji": false,
            "text": cut(&message.lines(), SECTION_CHARS),
        },
    })];
    if let Some((name, link)) = &message.link {
        let link = format!("<{}|{}>", escape(link), escape(name));
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": link } }));
    }
    json!({
        "text": escape(&message.title),
        "attachments": [{ "color": colour(message.urgency), "blocks": blocks }],
    })
}

const fn colour(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Over => "good",
        Urgency::Stands(Level::Critical | Level::Error) => "danger",
        Urgency::Stands(Level::Warning) => "warning",
        Urgency::Stands(Level::Info) => "#439FE0",
    }
}

/// The three characters Slack gives a meaning to; without this a drone's name
/// could mention everybody in the channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notify::Language;
    use crate::notify::services::tests::sent;
    use crate::notify::tests::battery;
    use store::OutboxEvent;

    #[test]
    fn the_title_notifies_and_the_rest_stands_below_it_in_the_level_s_colour() {
        let mut alert = battery(OutboxEvent::Raised);
        alert.gateway = "<!channel>".into();
        let body = sent(
            &SLACK,
            &alert,
            Language::En,
            "https://hooks.slack.com/x",
            None,
        );
        assert_eq!(
            body["text"],
            "[&lt;!channel&gt;] Critical: North hall: Battery 9 % (below 10 %)"
        );
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["color"], "danger");
        let text = &attachment["blocks"][0]["text"];
        assert_eq!(text["type"], "plain_text");
        assert!(
            text["text"]
                .as_str()
                .expect("text")
                .contains("What to do: "),
            "{text}"
        );
        assert_eq!(
            attachment["blocks"][1]["text"]["text"],
            "<https://roof.example:8443/#/alerts|Open the alerts>"
        );
        let over = sent(
            &SLACK,
            &battery(OutboxEvent::Resolved),
            Language::En,
            "https://hooks.slack.com/x",
            None,
        );
        assert_eq!(over["attachments"][0]["color"], "good");
    }
}
