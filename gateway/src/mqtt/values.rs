//! What a broker is told of gateway, drones and board: topics and payloads. Pure.
//!
//! `docs/asyncapi.yaml` describes them; `base` is what topics of this gateway begin with.

use alerting::{Alert, Level};
use bytes::Bytes;
use readings::Metric;
use serde_json::{Map, Value, json};

use crate::broker::{Class, Message, level};
use crate::sources::vehicles::{DroneView, LinkState};

/// Values are of now or of nobody: lost ones are made good by the next.
const fn values(every_s: u32) -> Class {
    Class {
        acknowledged: false,
        retained: true,
        expires_s: Some(every_s.saturating_mul(3)),
    }
}

/// What there is, and whether it is there: kept for whoever comes later.
const STATE: Class = Class {
    acknowledged: true,
    retained: true,
    expires_s: None,
};

/// Whether the gateway is there, as the broker says when it is not.
pub(super) fn availability(base: &str, is_there: bool) -> Message {
    Message {
        topic: format!("{base}/availability"),
        payload: Bytes::from_static(match is_there {
            true => b"online",
            false => b"offline",
        }),
        class: STATE,
    }
}

/// The gateway and its drones.
pub(super) fn inventory(
    base: &str,
    gateway: &str,
    page: Option<&str>,
    drones: &[DroneView],
) -> Message {
    let drones = drones.iter().map(|drone| {
        json!({
            "id": &*drone.id,
            "name": &*drone.name,
            "simulated": drone.simulated,
            "topic": topic_of(base, drone),
        })
    });
    said(
        format!("{base}/inventory"),
        &json!({
            "gateway": gateway,
            "version": env!("CARGO_PKG_VERSION"),
            "page": page,
            "drones": drones.collect::<Vec<_>>(),
        }),
        STATE,
    )
}

/// What topics of a drone begin with.
pub(super) fn topic_of(base: &str, drone: &DroneView) -> String {
    format!("{base}/drones/{}", level(&drone.id))
}

/// A drone as it is. What is unknown is absent, never zero.
pub(super) fn drone(base: &str, drone: &DroneView, every_s: u32) -> Message {
    let fresh = |value: Option<Value>| value.filter(|_| drone.fresh);
    let members = [
        ("name", Some(json!(&*drone.name))),
        ("simulated", Some(json!(drone.simulated))),
        ("link", Some(json!(link(drone.link)))),
        ("connected", Some(json!(drone.link == LinkState::Connected))),
        ("may_fly", Some(json!(drone.airborne))),
        ("fresh", Some(json!(drone.fresh))),
        ("reason", drone.reason.as_ref().map(|reason| json!(reason))),
        ("last_seen", drone.last_seen.map(|at| json!(at.to_string()))),
        ("battery_pct", fresh(drone.battery_pct.map(Value::from))),
        ("temperature_c", fresh(drone.temperature_c.map(Value::from))),
        ("height_cm", fresh(drone.height_cm.map(Value::from))),
        ("speed_cm_s", fresh(drone.speed_cm_s.map(Value::from))),
        ("flight_time_s", fresh(drone.flight_time_s.map(Value::from))),
    ];
    let members = members.into_iter();
    let members: Map<String, Value> = members
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    let topic = format!("{}/state", topic_of(base, drone));
    said(topic, &members.into(), values(every_s))
}

const fn link(link: LinkState) -> &'static str {
    match link {
        LinkState::Disconnected => "disconnected",
        LinkState::Connecting => "connecting",
        LinkState::Connected => "connected",
        LinkState::Lost => "lost",
    }
}

/// The board's fresh values, by the names that rules know.
pub(super) fn board(base: &str, latest: &[(Metric, f64)], every_s: u32) -> Message {
    let members: Map<String, Value> = latest
        .iter()
        .map(|(metric, value)| (metric.name().to_owned(), json!(value)))
        .collect();
    said(
        format!("{base}/board/state"),
        &members.into(),
        values(every_s),
    )
}

/// How many alerts stand, and how bad the worst is; of each drone as well.
pub(super) fn alerts<'a>(base: &str, standing: impl Iterator<Item = &'a Alert>) -> Message {
    let (mut count, mut worst) = (0_u64, None::<Level>);
    let mut subjects = Map::new();
    for alert in standing {
        count += 1;
        worst = worst.max(Some(alert.level));
        let of = subjects
            .entry(alert.subject.to_string())
            .or_insert(json!(0));
        *of = json!(of.as_u64().unwrap_or(0) + 1);
    }
    said(
        format!("{base}/alerts"),
        &json!({
            "standing": count,
            "worst": worst.map(Level::name),
            "subjects": subjects,
        }),
        STATE,
    )
}

/// A message of JSON.
pub(super) fn said(topic: String, value: &Value, class: Class) -> Message {
    Message {
        topic,
        payload: value.to_string().into(),
        class,
    }
}
