//! A topic of an ntfy server, its own or `ntfy.sh`: <https://docs.ntfy.sh/publish/>.
//!
//! As JSON at the server's root: titles in headers could hold no Japanese.

use http::Uri;
use serde_json::{Value, json};

use crate::config::notify as config;
use crate::notify::message::{Urgency, cut};
use crate::notify::service::{Kind, MessageContext, Token};
use readings::Level;

pub(super) const NTFY: Kind = Kind {
    token: Token::Optional,
    address,
    ..Kind::hook("ntfy", body)
};

/// A longer message becomes an attachment of 4096 bytes and more; three for a character.
const TEXT_CHARS: usize = 1300;

/// Where the topic of `https://ntfy.example/drones` is published: the server's root.
fn address(uri: &Uri, _section: &config::Service) -> Result<String, String> {
    let (before, topic) =
        parts(uri).ok_or("url: it names no topic, as https://ntfy.sh/TOPIC does")?;
    match topic.is_empty() {
        true => Err("url: it names no topic, as https://ntfy.sh/TOPIC does".to_owned()),
        false => Ok(before),
    }
}

/// What is before the topic, and the topic.
fn parts(uri: &Uri) -> Option<(String, String)> {
    let (path, topic) = uri.path().trim_end_matches('/').rsplit_once('/')?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    Some((format!("{scheme}://{authority}{path}/"), topic.to_owned()))
}

fn body(said: &MessageContext<'_>) -> Value {
    let message = said.message;
    let topic = parts(said.url).map(|(_, topic)| topic);
    let (priority, tag) = look(message.urgency);
    let mut body = json!({
        "topic": topic,
        "title": message.title,
        "message": cut(&message.lines(), TEXT_CHARS),
        "priority": priority,
        "tags": [tag],
    });
    if let Some((_, link)) = &message.link {
        body["click"] = json!(link);
    }
    body
}

/// Priority, which decides how loud a phone is (5 rings through quiet), and an emoji.
const fn look(urgency: Urgency) -> (u8, &'static str) {
    match urgency {
        Urgency::Over => (3, "white_check_mark"),
        Urgency::Stands(Level::Critical) => (5, "rotating_light"),
        Urgency::Stands(Level::Error) => (4, "rotating_light"),
        Urgency::Stands(Level::Warning) => (3, "warning"),
        Urgency::Stands(Level::Info) => (2, "information_source"),
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
    fn the_topic_of_the_address_is_published_at_the_root() {
        let at = |url: &str| {
            let uri = url.parse().expect("an address");
            address(&uri, &config::Service::default())
        };
        assert_eq!(
            at("https://ntfy.sh/drones").as_deref(),
            Ok("https://ntfy.sh/")
        );
        assert_eq!(
            at("https://x.example:8/push/drones/").as_deref(),
            Ok("https://x.example:8/push/")
        );
        assert!(at("https://ntfy.sh/").is_err());
        let alert = battery(OutboxEvent::Raised);
        let body = sent(&NTFY, &alert, Language::Ja, "https://ntfy.sh/drones", None);
        assert_eq!(
            (&body["topic"], &body["priority"]),
            (&json!("drones"), &json!(5))
        );
        assert_eq!(body["click"], "https://roof.example:8443/#/alerts");
        assert!(body["title"].as_str().expect("a title").contains("重大"));
    }
}
