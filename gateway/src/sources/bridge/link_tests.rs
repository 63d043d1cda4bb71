//! One bridge on a real pipeline: events in, readings and alerts out.

use std::sync::Arc;
use std::time::Duration;

use alerting::{Alert, Alerts, Filter, Level};
use firmware_bridge::host::{BoardDescription, LinkEvent, LostReason};
use firmware_bridge::message::{Event, Greeting, ResetCause};
use firmware_bridge::sensor::{Fault, MAX_SENSORS, Sensor, SensorKind, Unit};
use readings::telemetry::Telemetry;
use readings::{Metric, Reading, Sources};
use store::Store;

use super::super::{rules, source_slots::SourceSlots, stop_inputs::Heard};
use super::*;
use crate::alerts::StoreJournal;
use crate::config::{self, ButtonAction};

/// Readings measured: three minutes of a board that sends sixteen a second.
const READINGS: u64 = 3_000;

pub(super) struct Bench {
    pub(super) link: Link,
    pub(super) alerts: Alerts,
    telemetry: Arc<Telemetry>,
    sources: Arc<Sources>,
    source_slots: Arc<SourceSlots>,
    stops: Arc<Heard>,
    _dir: tempfile::TempDir,
}

pub(super) fn bench() -> Bench {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(dir.path()).expect("a store");
    let sources = Arc::new(Sources::default());
    let telemetry = Arc::new(Telemetry::new(sources.clone()));
    let alerts = Alerts::start(
        &config::Alerts::default(),
        sources.clone(),
        StoreJournal::of(store),
    )
    .expect("alerts");
    let bridge: Bridge =
        toml::from_str("name = \"mast\"\nselector = \"2e8a:000a\"\n").expect("a bridge");
    alerts
        .set_defaults("bridge", &rules::defaults(std::slice::from_ref(&bridge)))
        .expect("room");
    let pipeline = Pipeline::new(sources.clone(), telemetry.clone(), alerts.clone());
    let source_slots = Arc::new(SourceSlots::new(pipeline.clone()));
    let (met, stops) = (Arc::default(), Arc::new(Heard::default()));
    let link = Link::new(bridge, pipeline, source_slots.clone(), met, stops.clone());
    Bench {
        stops,
        link,
        alerts,
        telemetry,
        sources,
        source_slots,
        _dir: dir,
    }
}

pub(super) fn board(names: &[String]) -> LinkEvent {
    let greeting = Greeting {
        min: 1,
        current: 1,
        board: "test".into(),
        firmware: "1".into(),
        serial: 7,
        boot: 1,
        reset: ResetCause::PowerOn,
        ticks_hz: 1_000_000,
        sensors: names.len() as u8,
    };
    let sensor = |name: &String| Sensor {
        name: name.as_str().into(),
        kind: SensorKind::Temperature,
        unit: Unit::Celsius,
        min: -40.0,
        max: 125.0,
        interval_ms: 500,
    };
    let sensors = names.iter().map(sensor).collect();
    LinkEvent::Connected {
        board: Arc::new(BoardDescription {
            greeting,
            version: 1,
            sensors,
        }),
    }
}

fn reading(sensor: u8, value: f32) -> LinkEvent {
    LinkEvent::Reading {
        sensor,
        value,
        host_ms: Mono::now().as_millis(),
    }
}

fn button(index: u8, pressed: bool) -> LinkEvent {
    LinkEvent::Event {
        event: Event::Button { index, pressed },
        host_ms: 0,
    }
}

impl Bench {
    /// The newest alert of that title once it `is` as wanted.
    pub(super) async fn alert(&self, title: &str, is: impl Fn(&Alert) -> bool) -> Arc<Alert> {
        let mut events = self.alerts.subscribe();
        let look = || {
            self.alerts
                .list(&Filter::default())
                .into_iter()
                .find(|alert| &*alert.title == title)
        };
        let wait = async {
            loop {
                if let Some(found) = look().filter(|alert| is(alert)) {
                    return found;
                }
                drop(events.recv().await);
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .expect("it happens")
    }
}

#[tokio::test]
async fn a_reading_is_kept_and_judged_as_its_source() {
    let bench = bench();
    bench.link.take(board(&["probe".to_owned()]));
    bench.link.take(reading(0, 21.3));
    bench.link.take(reading(9, 1.0));
    let source = bench.sources.find("bridge/mast/probe").expect("placed").id;
    let latest = bench
        .telemetry
        .latest(source, Metric::BridgeTemperature)
        .expect("kept");
    assert_eq!(latest.value.to_string(), "21.3");
    bench.link.take(LinkEvent::Event {
        event: Event::EmergencyStop { engaged: true },
        host_ms: 0,
    });
    let alert = bench.alert("Emergency Stop", |_| true).await;
    assert_eq!(
        (&*alert.subject, alert.level),
        ("bridge/mast", Level::Critical)
    );
}

#[tokio::test]
async fn the_path_of_a_reading_allocates_nothing() {
    let bench = bench();
    let names: Vec<String> = (0..MAX_SENSORS).map(|n| format!("probe{n}")).collect();
    bench.link.take(board(&names));
    let step = |n: u64| {
        bench
            .link
            .take(reading((n % 16) as u8, 20.0 + n as f32 / 1_000.0))
    };
    // The first round takes the memory of the histories.
    (0..16).for_each(step);
    let counted = allocation_counter::measure(|| (16..16 + READINGS).for_each(step));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[tokio::test]
async fn a_lost_link_is_told_with_its_reason_and_a_retired_one_is_silent() {
    let bench = bench();
    bench.link.take(board(&["probe".to_owned()]));
    bench.link.take(LinkEvent::Lost {
        reason: LostReason::Unplugged,
        port: None,
    });
    let lost = bench.alert("Bridge Lost", |_| true).await;
    assert!(lost.message.contains("check the cable"), "{lost:?}");
    bench.link.retire();
    bench
        .alert("Bridge Lost", |alert| alert.resolved.is_some())
        .await;
    bench.link.take(board(&["late".to_owned()]));
    bench.link.take(LinkEvent::Lost {
        reason: LostReason::Silent,
        port: None,
    });
    assert!(bench.sources.find("bridge/mast/late").is_none());
}

#[tokio::test]
async fn a_board_with_ever_new_names_cannot_take_every_source() {
    let bench = bench();
    for round in 0..10 {
        let names: Vec<String> = (0..MAX_SENSORS).map(|n| format!("n{round}_{n}")).collect();
        bench.link.take(board(&names));
        bench.link.take(reading(0, 5.0));
        assert_eq!(
            bench.link.state().slots[0].last.map(|(value, _)| value),
            Some(5.0),
            "shown all the same"
        );
    }
    assert_eq!(bench.sources.iter().count(), 1 + MAX_SENSORS);
    assert_eq!(
        bench.source_slots.refused(),
        0,
        "what vanished gave its place"
    );
    let newest = bench.sources.find("bridge/mast/n9_0").expect("has a place");
    let latest = &bench.telemetry;
    let value = latest.latest(newest.id, Metric::BridgeTemperature);
    assert_eq!(value.map(|latest| latest.value), Some(5.0));
    let idle = bench.sources.find("bridge/mast/n9_1").expect("has a place");
    let value = latest.latest(idle.id, Metric::BridgeTemperature);
    assert_eq!(value, None, "nothing of the sensor that had its place");
    // Another board has places of its own.
    assert!(bench.source_slots.board("base").is_some());
    assert!(bench.source_slots.sensor("base", "bridge/base/x").is_some());
}

#[tokio::test]
async fn an_alert_nobody_saw_keeps_the_place_of_its_sensor() {
    let bench = bench();
    let named = |round: usize| {
        let names = (0..MAX_SENSORS).map(|n| format!("n{round}_{n}"));
        board(&names.collect::<Vec<_>>())
    };
    bench.link.take(named(0));
    // A probe at 95 degrees fires the critical rule after its five seconds.
    let now = Mono::now();
    let source = bench.sources.find("bridge/mast/n0_3").expect("placed").id;
    let hot = [Reading {
        metric: Metric::BridgeTemperature,
        value: 95.0,
    }];
    bench.alerts.observe(source, &hot, now);
    let later = now.plus(Duration::from_secs(6));
    bench.alerts.observe(source, &hot, later);
    let alert = bench.alert("Critical Bridge Temperature", |_| true).await;
    let warning = bench.alert("High Bridge Temperature", |_| true).await;
    bench.link.take(named(1));
    let told = bench.alert("Bridge Sensors Left Out", |_| true).await;
    assert!(told.message.contains("n1_15"), "{told:?}");
    assert!(bench.sources.find("bridge/mast/n0_3").is_some());
    assert_eq!(bench.source_slots.refused(), 1);
    for seen in [&alert, &warning] {
        let alerts = &bench.alerts;
        alerts.acknowledge(&seen.id, "someone").await.expect("kept");
    }
    bench.link.tick(Mono::now().as_millis());
    bench
        .alert("Bridge Sensors Left Out", |alert| alert.resolved.is_some())
        .await;
    assert!(bench.sources.find("bridge/mast/n1_15").is_some());
    assert_eq!(
        bench
            .source_slots
            .take_gone()
            .last()
            .map(|(name, _)| name.to_string()),
        Some("bridge/mast/n0_3".to_owned())
    );
}

#[tokio::test]
async fn a_button_that_chatters_is_one_alert_and_the_rest_is_counted() {
    let bench = bench();
    bench.link.take(board(&[]));
    for _ in 0..50 {
        bench.link.take(button(0, true));
        bench.link.take(button(0, false));
    }
    bench.link.take(button(200, true));
    bench
        .alert("Button Pressed", |alert| alert.resolved.is_some())
        .await;
    assert_eq!(bench.alerts.list(&Filter::default()).len(), 1);
    assert_eq!(bench.link.state().held.buttons, 50);
}

#[tokio::test]
async fn what_fails_has_no_reading_and_time_alone_tells_its_loss() {
    let bench = bench();
    bench.link.take(board(&["probe".to_owned()]));
    bench.link.take(LinkEvent::Fault {
        sensor: 0,
        fault: Fault::Absent,
        host_ms: 0,
    });
    let now_ms = Mono::now().as_millis();
    bench.link.tick(now_ms);
    bench.link.tick(now_ms + 9_999);
    assert!(!bench.link.state().slots[0].is_lost());
    bench.link.tick(now_ms + 10_000);
    let lost = bench.alert("Bridge Sensor Lost", |_| true).await;
    assert_eq!(&*lost.subject, "bridge/mast/probe");
    let source = bench.sources.find("bridge/mast/probe").expect("placed").id;
    assert_eq!(
        bench.telemetry.latest(source, Metric::BridgeTemperature),
        None
    );
}

#[tokio::test]
async fn a_button_means_only_what_stood_a_second_before_and_once() {
    let mut bench = bench();
    bench.link.config.button = ButtonAction::Acknowledge;
    bench.link.take(board(&[]));
    bench.link.take(LinkEvent::Event {
        event: Event::EmergencyStop { engaged: true },
        host_ms: 0,
    });
    let stop = bench.alert("Emergency Stop", |_| true).await;
    bench.link.take(button(0, true));
    let stood_at = bench.link.wants_acknowledgement().expect("pressed");
    assert_eq!(bench.link.wants_acknowledgement(), None, "once");
    assert!(stood_at < stop.created, "nobody saw it before the press");
}

#[tokio::test]
async fn a_bouncing_stop_and_a_talkative_firmware_share_one_budget() {
    let bench = bench();
    bench.link.take(board(&[]));
    for _ in 0..500 {
        bench.link.take(LinkEvent::Log {
            level: LogLevel::Info,
            text: "again".into(),
            host_ms: 0,
        });
    }
    assert_eq!(bench.link.state().held.logs, 461, "connected is a line too");
    for n in 0..500 {
        bench.link.take(LinkEvent::Event {
            event: Event::EmergencyStop {
                engaged: n % 2 == 0,
            },
            host_ms: 0,
        });
    }
    assert_eq!(bench.link.state().held.logs, 461 + 480, "20 were left");
}

#[tokio::test]
async fn a_refused_value_is_told_with_port_value_and_range() {
    let bench = bench();
    bench.link.take(board(&["probe".to_owned()]));
    bench.link.take(LinkEvent::Refused {
        sensor: 0,
        value: 400.0,
    });
    let now_ms = Mono::now().as_millis();
    bench.link.tick(now_ms);
    bench.link.tick(now_ms + 10_000);
    let lost = bench.alert("Bridge Sensor Lost", |_| true).await;
    for part in ["probe", "2e8a:000a", "400 °C", "-40 to 125"] {
        assert!(lost.message.contains(part), "{part}: {lost:?}");
    }
}

impl Bench {
    /// What was said of the stop last; the inner none: it is not known.
    fn stop_is(&self) -> Option<Option<bool>> {
        self.stops.last()
    }

    fn says_stop(&self, engaged: bool) {
        self.link.take(LinkEvent::Event {
            event: Event::EmergencyStop { engaged },
            host_ms: 0,
        });
    }
}

#[tokio::test]
async fn what_is_known_of_the_stop_is_told_at_once_and_absence_is_unknown() {
    let bench = bench();
    bench.link.tick(Mono::now().as_millis());
    assert_eq!(bench.stop_is(), Some(None), "nobody has said");
    bench.link.take(LinkEvent::StopUnknown);
    let unknown = bench.alert("Emergency Stop Unknown", |_| true).await;
    assert!(unknown.message.contains("2e8a:000a"), "{unknown:?}");
    bench.link.take(board(&[]));
    assert_eq!(bench.stop_is(), Some(None), "it only greeted");
    bench.says_stop(true);
    assert_eq!(bench.stop_is(), Some(Some(true)));
    bench
        .alert("Emergency Stop Unknown", |alert| alert.resolved.is_some())
        .await;
    bench.says_stop(false);
    assert_eq!(bench.stop_is(), Some(Some(true)), "it may bounce");
    bench.link.take(LinkEvent::Lost {
        reason: LostReason::Unplugged,
        port: None,
    });
    assert_eq!(bench.stop_is(), Some(None));
    let stop = bench.alert("Emergency Stop", |_| true).await;
    bench.link.tick(Mono::now().as_millis() + 60_000);
    bench.alert("Bridge Lost", |_| true).await;
    let stop = bench.alerts.find(&stop.id).expect("kept");
    assert!(stop.resolved.is_none(), "silence resolves nothing");
    assert_eq!(bench.stop_is(), Some(None), "it is said again and again");
}

#[tokio::test]
async fn a_boot_loop_is_an_alert_and_within_the_budget_of_lines() {
    let bench = bench();
    for _ in 0..840 {
        bench.link.take(LinkEvent::Restarted {
            cause: ResetCause::Watchdog,
        });
        bench.link.take(board(&[]));
    }
    let told = bench.alert("Bridge Restarts", |_| true).await;
    assert!(told.message.contains("watchdog"), "{told:?}");
    assert_eq!(bench.link.state().held.logs, 840 - 60);
    bench.link.tick(Mono::now().as_millis() + 300_001);
    bench
        .alert("Bridge Restarts", |alert| alert.resolved.is_some())
        .await;
}

#[tokio::test]
async fn a_lost_sensor_that_is_no_longer_described_stays_lost() {
    let bench = bench();
    bench.link.take(board(&["probe".to_owned()]));
    bench.link.take(LinkEvent::Fault {
        sensor: 0,
        fault: Fault::Absent,
        host_ms: 0,
    });
    let now_ms = Mono::now().as_millis();
    bench.link.tick(now_ms);
    bench.link.tick(now_ms + 10_000);
    let lost = bench.alert("Bridge Sensor Lost", |_| true).await;
    bench.link.take(board(&["other".to_owned()]));
    bench.says_stop(true);
    // What follows is committed after whatever came before it.
    bench.alert("Emergency Stop", |_| true).await;
    let lost = bench.alerts.find(&lost.id).expect("kept");
    assert!(lost.resolved.is_none(), "{lost:?}");
    let value = reading(0, 20.0);
    bench.link.take(board(&["probe".to_owned()]));
    bench.link.take(value);
    bench.link.tick(Mono::now().as_millis());
    bench
        .alert("Bridge Sensor Lost", |alert| alert.resolved.is_some())
        .await;
}
