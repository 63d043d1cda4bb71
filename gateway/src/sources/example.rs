//! The smallest source there can be: a probe in a tank, read through a channel.
//!
//! Compiled for tests only. `docs/adding-a-source.md` follows it step by step, and
//! the test below proves what the guide says: whoever has a sink and settings is
//! supervised, kept, judged by rules and shown as alerts. Separate, because a source
//! in use is never this short.

use std::sync::Arc;

use alerting::{AlertType, Condition, Level};
use readings::clock::Mono;
use readings::{Metric, Reading, SourceKind};
use tokio::sync::{Mutex, mpsc};

use super::loss::{LossChange, LossDetector};
use super::sink::ReadingSink;

/// Its section of the configuration.
#[derive(Clone)]
struct Settings {
    /// The name that rules, histories and the API show.
    name: &'static str,
    /// How long the probe may be silent, and must answer again, before that is told.
    patience_ms: (u64, u64),
}

/// What comes from outside: a value, or nothing where the probe does not answer.
type Line = Arc<Mutex<mpsc::Receiver<Option<f64>>>>;

/// The whole source: values in, readings and conditions out, until the line ends.
async fn run(settings: Settings, sink: impl ReadingSink, line: Line) {
    let source = match sink.register(settings.name, SourceKind::Bridge) {
        Ok(source) => source,
        Err(error) => return tracing::error!(%error, "the tank is not watched"),
    };
    let mut loss = LossDetector::default();
    let mut line = line.lock().await;
    while let Some(value) = line.recv().await {
        let reading = value.and_then(|value| Reading::plausible(Metric::BridgeTemperature, value));
        if let Some(reading) = reading {
            sink.publish(source, &[reading]);
        }
        let now_ms = Mono::now().as_millis();
        match loss.observe(reading.is_some(), now_ms, settings.patience_ms) {
            Some(LossChange::Lost) => sink.raise(probe_lost(settings.name)),
            Some(LossChange::Back) => sink.clear(PROBE_LOST, settings.name),
            None => {}
        }
    }
}

/// Key of the condition that the probe does not answer; its subject is the source.
const PROBE_LOST: &str = "tank_probe_lost";

fn probe_lost(name: &str) -> Condition {
    Condition {
        key: PROBE_LOST,
        subject: name.into(),
        level: Level::Warning,
        alert_type: AlertType::System,
        title: "Tank Probe Lost",
        message: format!("{name}: the probe does not answer; check its cable"),
        details: None,
    }
}

// The test stands above the rooms; a source may not import what it does.
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use alerting::{Alert, Alerts, Filter, RuleText};
    use readings::Sources;
    use readings::telemetry::Telemetry;
    use store::Store;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::alerts::StoreJournal;
    use crate::sources::sink::Pipeline;
    use crate::supervision::{Service, Supervisor};

    /// The newest alert of that title once it is open, or once it is resolved.
    async fn alert(alerts: &Alerts, title: &str, open: bool) -> Arc<Alert> {
        let mut events = alerts.subscribe();
        let wait = async {
            loop {
                let found = alerts.list(&Filter::default()).into_iter();
                let mut of_title = found.filter(|alert| &*alert.title == title);
                if let Some(alert) = of_title.next().filter(|a| a.resolved.is_none() == open) {
                    return alert;
                }
                drop(events.recv().await);
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .expect("it happens")
    }

    #[tokio::test]
    async fn a_source_of_a_few_lines_is_supervised_kept_judged_and_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(dir.path()).expect("a store");
        let sources = Arc::new(Sources::default());
        let telemetry = Arc::new(Telemetry::new(sources.clone()));
        let journal = StoreJournal::of(store);
        let alerts =
            Alerts::start(&alerting::Config::default(), sources.clone(), journal).expect("alerts");
        let sink = Pipeline::new(sources.clone(), telemetry.clone(), alerts.clone());
        let hot = RuleText {
            hysteresis: 1.0,
            auto_resolve: Some(true),
            ..RuleText::new("Hot Tank", Metric::BridgeTemperature, ">=", 60.0, "error")
        };
        sink.default_rules("tank", &[hot]).expect("room");
        alerts.rules_complete();

        let stop = CancellationToken::new();
        let supervisor = Supervisor::new(alerts.clone(), stop.clone());
        let (values, line) = mpsc::channel(1);
        let settings = Settings {
            name: "tank",
            patience_ms: (0, 0),
        };
        let line: Line = Arc::new(Mutex::new(line));
        let source = move || run(settings.clone(), sink.clone(), line.clone());
        supervisor.keep("tank", Some(Service::Monitoring), source);
        assert!(supervisor.is_up(Service::Monitoring));

        values.send(Some(61.5)).await.expect("it listens");
        let judged = alert(&alerts, "Hot Tank", true).await;
        assert_eq!((&*judged.subject, judged.level), ("tank", Level::Error));
        let id = sources.find("tank").expect("registered").id;
        let latest = telemetry.latest(id, Metric::BridgeTemperature);
        assert_eq!(latest.map(|latest| latest.value), Some(61.5));

        values.send(None).await.expect("it listens");
        let lost = alert(&alerts, "Tank Probe Lost", true).await;
        assert!(lost.message.contains("check its cable"), "{lost:?}");
        values.send(Some(21.0)).await.expect("it listens");
        alert(&alerts, "Tank Probe Lost", false).await;
        alert(&alerts, "Hot Tank", false).await;

        // Its end is told, as that of every task.
        drop(values);
        let ended = alert(&alerts, "Part Of The Gateway Ended", true).await;
        assert_eq!(&*ended.subject, "tank");
        assert!(!supervisor.is_up(Service::Monitoring));
        stop.cancel();
    }
}
