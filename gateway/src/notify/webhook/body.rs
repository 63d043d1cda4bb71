//! What a webhook is sent: body and signature.
//!
//! Pure. The signature covers the time and the body, so that an old
//! notification cannot be sent again by somebody else.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::config::notify::{Language, WebhookTemplate};
use crate::notify::channel::Notification;
use crate::notify::message::Message;
use readings::Level;
use store::{AlertRecord, OutboxEvent};

/// The version of the body. What is released keeps its meaning: members are added, and
/// only what an older reader would misread raises the number.
const VERSION: u32 = 1;

/// The body of a notification.
pub(super) fn render(
    template: WebhookTemplate,
    language: Language,
    notification: &Notification,
) -> Vec<u8> {
    let body = match template {
        WebhookTemplate::Json => json_body(&Message::of(notification, language), notification),
        WebhookTemplate::Slack => slack(notification),
    };
    body.to_string().into_bytes()
}

/// The body as JSON, for whoever else speaks to programs.
pub(crate) fn json(language: Language, notification: &Notification) -> Vec<u8> {
    render(WebhookTemplate::Json, language, notification)
}

/// As `docs/notification.schema.json` says.
fn json_body(message: &Message, notification: &Notification) -> Value {
    let drone = notification.drone.as_ref().map(|drone| {
        json!({
            "id": notification.record.alert.subject,
            "name": &*drone.name,
            "simulated": drone.simulated,
        })
    });
    json!({
        "version": VERSION,
        "event": notification.event_name(),
        "delivery": notification.delivery,
        "again": notification.again.map_or(0, |again| again.times),
        "gateway": { "name": &*notification.gateway, "page": notification.page.as_deref() },
        "drone": drone,
        "title": message.title,
        "text": message.lines(),
        "advice": message.advice.as_ref().map(|(_, advice)| advice),
        "link": message.link.as_ref().map(|(_, link)| link),
        "alert": alert(&notification.record.alert),
    })
}

/// The alert with the fields it has in the API.
fn alert(record: &AlertRecord) -> Value {
    json!({
        "id": record.id(),
        "level": record.level,
        "type": record.alert_type,
        "title": record.rule,
        "message": record.message,
        "details": record.details,
        "source": record.origin,
        "subject": record.subject,
        "metric": record.metric,
        "value": record.value,
        "threshold": record.threshold,
        "timestamp": stamp(record.created_us),
        "acknowledged": record.acknowledged.is_some() || record.resolved.is_some(),
        "acknowledged_by": record.acknowledged.as_ref().map(|(_, by)| by),
        "resolved": record.resolved.is_some(),
        "resolved_by": record.resolved.as_ref().map(|(_, by)| by),
        "resolved_at": record.resolved.as_ref().and_then(|(at, _)| stamp(*at)),
    })
}

fn slack(notification: &Notification) -> Value {
    let alert = &notification.record.alert;
    let colour = match (notification.record.event, notification.level()) {
        (OutboxEvent::Resolved | OutboxEvent::Cleared, _) => "good",
        (_, Some(Level::Critical | Level::Error)) => "danger",
        (_, Some(Level::Warning)) => "warning",
        _ => "#439FE0",
    };
    let text = format!(
        "[{}] {} {}: {}",
        alert.level,
        alert.subject,
        notification.event_name(),
        alert.rule
    );
    json!({
        "text": escape(&text),
        "attachments": [{
            "color": colour,
            "fallback": escape(&alert.message),
            "text": escape(&alert.message),
            "fields": [
                { "title": "Source", "value": escape(&alert.subject), "short": true },
                { "title": "Level", "value": alert.level, "short": true },
            ],
            "ts": alert.created_us / 1_000_000,
        }],
    })
}

/// The three characters Slack gives a meaning to; without this a drone's name
/// could mention everybody in the channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn stamp(us: i64) -> Option<String> {
    Timestamp::from_microsecond(us)
        .ok()
        .map(|at| at.to_string())
}

/// `sha256=` and the HMAC-SHA256 of `<timestamp>.<body>` in hexadecimal.
pub(crate) fn signature(secret: &[u8], timestamp_s: i64, body: &[u8]) -> Option<String> {
    // HMAC takes keys of any length, so this does not fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(timestamp_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let digest = HEXLOWER.encode(&mac.finalize().into_bytes());
    Some(format!("sha256={digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::{battery, notification};

    fn rendered(template: WebhookTemplate, notification: &Notification) -> Value {
        serde_json::from_slice(&render(template, Language::En, notification)).expect("JSON")
    }

    #[test]
    fn the_body_is_as_the_published_schema_says() {
        let schema = include_str!("../../../../docs/notification.schema.json");
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let mut plain = battery(OutboxEvent::Resolved);
        (plain.drone, plain.page) = (None, None);
        plain.record.alert.resolved = Some((0, "auto".to_owned()));
        let mut acknowledged = battery(OutboxEvent::Acknowledged);
        acknowledged.record.alert.acknowledged = Some((0, "Shift lead".to_owned()));
        for one in [
            battery(OutboxEvent::Raised),
            acknowledged,
            plain,
            notification(1, "info", OutboxEvent::Cleared),
        ] {
            let body = rendered(WebhookTemplate::Json, &one);
            let mut found = Vec::new();
            differences(&schema, &body, "", &mut found);
            assert!(found.is_empty(), "{found:#?}");
        }
        let mut wrong = rendered(WebhookTemplate::Json, &battery(OutboxEvent::Raised));
        wrong["alert"]["level"] = json!("loud");
        wrong["extra"] = json!(1);
        let mut found = Vec::new();
        differences(&schema, &wrong, "", &mut found);
        assert_eq!(found.len(), 2, "{found:#?}");
    }

    /// Where `value` is not what `schema` says. As much of JSON Schema as ours uses; a
    /// keyword that is not known here fails, and so does a member that is not in it.
    fn differences(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        for (keyword, wanted) in schema.as_object().expect("a schema") {
            let good = match keyword.as_str() {
                "$schema" | "$id" | "title" | "description" | "format" => true,
                "const" => value == wanted,
                "enum" => wanted.as_array().expect("a list").contains(value),
                "type" => match wanted {
                    Value::Array(several) => several.iter().any(|one| is_of(one, value)),
                    one => is_of(one, value),
                },
                "required" => wanted.as_array().expect("a list").iter().all(|name| {
                    value.is_null() || value.get(name.as_str().expect("a name")).is_some()
                }),
                "properties" => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        match wanted.get(name) {
                            Some(schema) => {
                                differences(schema, value, &format!("{at}/{name}"), found)
                            }
                            None => found.push(format!("{at}/{name} is not in the schema")),
                        }
                    }
                    true
                }
                _ => false,
            };
            if !good {
                found.push(format!("{at}: {value} is not {keyword} {wanted}"));
            }
        }
    }

    fn is_of(name: &Value, value: &Value) -> bool {
        match name.as_str().expect("a name") {
            "object" => value.is_object(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => false,
        }
    }

    #[test]
    fn both_shapes_say_what_happened() {
        let mut notification = notification(9, "critical", OutboxEvent::Acknowledged);
        notification.record.alert.created_us = 1_738_314_902_123_456;
        let body = rendered(WebhookTemplate::Json, &notification);
        assert_eq!(
            (&body["event"], &body["delivery"]),
            (&json!("acknowledged"), &json!("test"))
        );
        assert_eq!(body["alert"]["id"], "alert_00000000_9");
        assert_eq!(body["alert"]["timestamp"], "2025-01-31T09:15:02.123456Z");
        assert_eq!(
            (&body["alert"]["acknowledged"], &body["alert"]["resolved"]),
            (&json!(true), &json!(false))
        );

        notification.record.alert.subject = "<!channel>".to_owned();
        let body = rendered(WebhookTemplate::Slack, &notification);
        assert_eq!(
            body["text"],
            "[critical] &lt;!channel&gt; acknowledged: Test"
        );
        assert_eq!(body["attachments"][0]["ts"], 1_738_314_902);
    }

    #[test]
    fn the_colour_says_how_bad_it_is_until_it_is_over() {
        for (level, event, colour) in [
            ("critical", OutboxEvent::Raised, "danger"),
            ("error", OutboxEvent::Acknowledged, "danger"),
            ("warning", OutboxEvent::Raised, "warning"),
            ("info", OutboxEvent::Raised, "#439FE0"),
            ("fatal", OutboxEvent::Raised, "#439FE0"),
            ("critical", OutboxEvent::Cleared, "good"),
            ("critical", OutboxEvent::Resolved, "good"),
        ] {
            let body = rendered(WebhookTemplate::Slack, &notification(1, level, event));
            assert_eq!(body["attachments"][0]["color"], colour, "{level} {event:?}");
        }
    }

    #[test]
    fn the_signature_is_the_one_others_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let expected = "sha256=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(
            signature(b"secret", 1_700_000_000, br#"{"a":1}"#).as_deref(),
            Some(expected)
        );
    }
}
