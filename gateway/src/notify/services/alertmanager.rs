//! Alertmanager, by its API v2: <https://prometheus.io/docs/alerting/latest/clients/>.
//!
//! An alert is its labels. It must never be given an end while it stands: whose clock is
//! off would end it. It is told again every minute instead, as Alertmanager wants it, and
//! is over there when it is no more, or five minutes after the gateway fell silent.

use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::notify as config;
use crate::config::notify::Language;
use crate::notify::channel::Notification;
use crate::notify::message::{Message, Urgency};
use crate::notify::service::{Kind, MessageContext, Token};

pub(super) const ALERTMANAGER: Kind = Kind {
    token: Token::Optional,
    address,
    standing: Some((EVERY, standing)),
    ..Kind::hook("alertmanager", body)
};

/// How often what stands is told again: Prometheus does so, and it is a fifth of what
/// Alertmanager waits (`resolve_timeout`).
const EVERY: Duration = Duration::from_secs(60);
/// Where alerts are taken, below the address of an Alertmanager.
const ALERTS: &str = "/api/v2/alerts";

fn address(uri: &Uri, _section: &config::Service) -> Result<String, String> {
    let given = uri.to_string();
    let given = given.trim_end_matches('/');
    Ok(match given.ends_with(ALERTS) {
        true => given.to_owned(),
        false => format!("{given}{ALERTS}"),
    })
}

fn body(said: &MessageContext<'_>) -> Value {
    json!([alert(said.notification, said.message)])
}

fn standing(notifications: &[Notification], language: Language) -> Value {
    let told = notifications.iter();
    let told = told.map(|notification| alert(notification, &Message::of(notification, language)));
    Value::Array(told.collect())
}

fn alert(notification: &Notification, message: &Message) -> Value {
    let record = &notification.record.alert;
    let stamp = |us: i64| {
        Timestamp::from_microsecond(us)
            .ok()
            .map(|at| at.to_string())
    };
    let mut alert = json!({
        // Never what changes while it stands, such as who acknowledged it.
        "labels": {
            "alertname": record.rule,
            "severity": record.level,
            "type": record.alert_type,
            "source": record.subject,
            "gateway": &*notification.gateway,
        },
        "annotations": {
            "summary": message.title,
            "description": message.lines(),
        },
        "startsAt": stamp(record.created_us),
    });
    if let Some(drone) = &notification.drone {
        alert["annotations"]["drone"] = json!(&*drone.name);
    }
    if let Some((_, advice)) = &message.advice {
        alert["annotations"]["advice"] = json!(advice);
    }
    if let Some((_, link)) = &message.link {
        alert["generatorURL"] = json!(link);
    }
    if message.urgency == Urgency::Over {
        let ended = record.resolved.as_ref().map(|(at, _)| *at);
        let ended = record.cleared_us.or(ended).unwrap_or(record.created_us);
        alert["endsAt"] = json!(stamp(ended.max(record.created_us)));
    }
    alert
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::services::tests::sent;
    use crate::notify::tests::battery;
    use store::OutboxEvent;

    #[test]
    fn an_alert_is_its_labels_and_ends_only_when_it_is_over() {
        let url = "https://alertmanager.example:9093";
        let raised = sent(
            &ALERTMANAGER,
            &battery(OutboxEvent::Raised),
            Language::En,
            url,
            None,
        );
        let alert = &raised[0];
        assert_eq!(
            alert["labels"],
            json!({
                "alertname": "Critical Battery",
                "severity": "critical",
                "type": "drone",
                "source": "drone_001",
                "gateway": "roof",
            })
        );
        assert_eq!(alert["startsAt"], "2025-01-31T09:15:02.123456Z");
        assert_eq!(alert["generatorURL"], "https://roof.example:8443/#/alerts");
        assert_eq!(
            alert["annotations"]["advice"],
            "Land it and change the battery."
        );
        assert!(alert.get("endsAt").is_none(), "it stands");
        let mut over = battery(OutboxEvent::Resolved);
        // A clock that was set back in between: Alertmanager takes no end before the start.
        over.record.alert.resolved = Some((0, "auto".to_owned()));
        let over = sent(&ALERTMANAGER, &over, Language::Ja, url, None);
        assert_eq!(over[0]["labels"], alert["labels"], "the same alert");
        assert_eq!(over[0]["endsAt"], over[0]["startsAt"]);
    }

    #[test]
    fn the_address_is_that_of_the_alertmanager() {
        for (given, wanted) in [
            (
                "https://a.example:9093",
                "https://a.example:9093/api/v2/alerts",
            ),
            (
                "https://a.example/am/",
                "https://a.example/am/api/v2/alerts",
            ),
            (
                "https://a.example/api/v2/alerts",
                "https://a.example/api/v2/alerts",
            ),
        ] {
            let uri = given.parse().expect("an address");
            let made = address(&uri, &config::Service::default());
            assert_eq!(made.as_deref(), Ok(wanted));
        }
    }
}
