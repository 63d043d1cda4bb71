//! LINE, by its Messaging API: <https://developers.line.biz/en/reference/messaging-api/>.
//!
//! `to` is a user, group or room; without it all friends of the account are told. LINE
//! counts messages: one a notification, and a repetition is told by its retry key.

use http::Uri;
use serde_json::{Value, json};

use crate::config::notify as config;
use crate::notify::message::cut;
use crate::notify::service::{Kind, MessageContext, Token};

pub(super) const LINE: Kind = Kind {
    usual_url: Some("https://api.line.me"),
    token: Token::Needed,
    takes_to: true,
    address,
    once_header: Some("x-line-retry-key"),
    // "The retry key is already accepted": it arrived the first time.
    arrived: &[409],
    ..Kind::hook("line", body)
};

/// Characters of a text message, as LINE allows them.
const TEXT_CHARS: usize = 5000;

/// The address as it is, if it has a path; else the one of the API.
fn address(uri: &Uri, section: &config::Service) -> Result<String, String> {
    let given = uri.to_string();
    if !["", "/"].contains(&uri.path()) {
        return Ok(given);
    }
    let act = match section.to {
        Some(_) => "push",
        None => "broadcast",
    };
    Ok(format!(
        "{}/v2/bot/message/{act}",
        given.trim_end_matches('/')
    ))
}

fn body(said: &MessageContext<'_>) -> Value {
    let message = said.message;
    let mut text = format!("{}\n{}", message.title, message.lines());
    text = cut(&text, TEXT_CHARS - 300);
    if let Some((name, link)) = &message.link {
        text.push_str(&format!("\n{name}: {link}"));
    }
    let messages = json!([{ "type": "text", "text": cut(&text, TEXT_CHARS) }]);
    match said.to {
        Some(to) => json!({ "to": to, "messages": messages }),
        None => json!({ "messages": messages }),
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
    fn one_person_is_sent_to_or_all_friends() {
        let to = |to: Option<&str>| config::Service {
            to: to.map(str::to_owned),
            ..config::Service::default()
        };
        let at = |url: &str, section| address(&url.parse().expect("an address"), &section);
        assert_eq!(
            at("https://api.line.me", to(Some("U1"))).as_deref(),
            Ok("https://api.line.me/v2/bot/message/push")
        );
        assert_eq!(
            at("https://api.line.me/", to(None)).as_deref(),
            Ok("https://api.line.me/v2/bot/message/broadcast")
        );
        assert_eq!(
            at("https://127.0.0.1:1/push", to(None)).as_deref(),
            Ok("https://127.0.0.1:1/push")
        );
        let alert = battery(OutboxEvent::Raised);
        let body = sent(
            &LINE,
            &alert,
            Language::Ja,
            "https://api.line.me",
            Some("U1"),
        );
        assert_eq!(body["to"], "U1");
        let text = body["messages"][0]["text"].as_str().expect("a text");
        assert!(text.starts_with("[roof] 重大: North hall: "), "{text}");
        assert!(
            text.ends_with("アラートを開く: https://roof.example:8443/#/alerts"),
            "{text}"
        );
    }
}
