//! Fourth phase of a start: what reaches out of the gateway, and what is kept for it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use alerting::{AlertType, Condition, Level};
use https::ledger::{Budgets, HELD_BYTES, Ledger};
use https::{ServerStats, Tls};
use store::{OutboxEvent, OutboxRecord};
use tokio::task::JoinSet;

use super::core::Core;
use super::core::clock;
use crate::alerts;
use crate::cache::Cache;
use crate::config::Config;
use crate::mqtt::{self, Mqtt, PublisherInputs};
use crate::notify::{self, Alarm, DroneName, Hides, Notifier, Sender, Terms};
use crate::photos::Album;
use crate::rtsp::RtspStats;
use crate::sources::vehicles::Vehicles;
use crate::update::Updates;
use crate::upstream::Upstream;

/// Time to live of cached answers unless their route says otherwise (contract 6.5).
const CACHE_TTL: Duration = Duration::from_secs(300);
/// Where photos lie, in the state directory.
const PHOTOS: &str = "photos";

/// The edges, open but not serving.
pub(super) struct Edges {
    pub(super) tls: Arc<Tls>,
    pub(super) stats: Arc<ServerStats>,
    /// Bytes held for clients, in all.
    pub(super) ledger: Arc<Ledger>,
    /// The listeners' shares of these.
    pub(super) budgets: Budgets,
    pub(super) notifier: Arc<Notifier>,
    pub(super) mqtt: Arc<Mqtt>,
    pub(super) rtsp: Arc<RtspStats>,
    /// Ends with the gateway.
    pub(super) _broker: JoinSet<()>,
    pub(super) upstream: Upstream,
    pub(super) updates: Arc<Updates>,
    pub(super) cache: Arc<Cache>,
    pub(super) album: Arc<Album>,
}

impl Edges {
    pub(super) async fn open(
        config: &Config,
        core: &Core,
        vehicles: &Vehicles,
    ) -> anyhow::Result<Edges> {
        let photos = config.storage.dir.join(PHOTOS);
        let max_bytes = config.camera.photos_max_bytes;
        let album = tokio::task::spawn_blocking(move || Album::open(&photos, max_bytes)).await?;
        let ledger = Ledger::new(HELD_BYTES);
        let mut broker = JoinSet::new();
        let inputs = publisher_inputs(config, core, vehicles);
        let mqtt = mqtt::start(&config.mqtt, inputs, &core.supervisor, &mut broker);
        Ok(Edges {
            budgets: Budgets::of(&ledger)?,
            ledger,
            mqtt: mqtt.map_err(anyhow::Error::msg)?,
            rtsp: Arc::default(),
            _broker: broker,
            notifier: Arc::new(
                Notifier::start(
                    config,
                    core.store.clone(),
                    Some(&core.supervisor),
                    Terms {
                        sender: sender(config, vehicles),
                        hides: hides(core),
                        clock: clock(core.telemetry.clone(), core.board_source),
                        alarm: alarm(core),
                    },
                )
                .await?,
            ),
            upstream: Upstream::new(&config.upstream)?,
            updates: Updates::new(&config.update),
            tls: Tls::open(&config.tls, &config.storage.dir)?,
            stats: Arc::new(ServerStats::default()),
            cache: Arc::new(Cache::new(CACHE_TTL)),
            album: Arc::new(album),
        })
    }
}

/// What the broker is told, and who hears of orders from there.
fn publisher_inputs(config: &Config, core: &Core, vehicles: &Vehicles) -> PublisherInputs {
    let access = core.access.clone();
    PublisherInputs {
        gateway: (
            config.gateway.name_or_host().into(),
            config.gateway.page(config.server.listen),
        ),
        vehicles: vehicles.clone(),
        telemetry: core.telemetry.clone(),
        board: core.board_source,
        alerts: core.alerts.clone(),
        clock: clock(core.telemetry.clone(), core.board_source),
        // A broker says nothing of whose message it is.
        audit: Arc::new(move |what: &str| {
            access.record_flight("MQTT", None, Ipv4Addr::UNSPECIFIED.into(), what);
        }),
        stop: core.stop.clone(),
    }
}

/// Who speaks to the channels: this gateway, of drones by the names that they have now.
fn sender(config: &Config, vehicles: &Vehicles) -> Sender {
    let vehicles = vehicles.clone();
    let names = move |id: &str| {
        let drone = vehicles.view(id)?;
        Some(DroneName {
            name: drone.name,
            simulated: drone.simulated,
        })
    };
    Sender::new(config, Arc::new(names))
}

/// Tells that a channel fails, as an alert: the other channels bring it to people.
fn alarm(core: &Core) -> Alarm {
    let alerts = core.alerts.clone();
    let (key, subjects) = notify::FAILING;
    Arc::new(move |channel: &str, reason: Option<&str>| {
        let subject = format!("{subjects}{channel}");
        let Some(reason) = reason else {
            alerts.clear(key, &subject);
            return;
        };
        alerts.raise(Condition {
            key,
            subject: subject.into(),
            level: Level::Warning,
            alert_type: AlertType::Network,
            title: "Notifications Not Delivered",
            message: format!("{channel} takes no notifications: {reason}"),
            details: Some(format!(
                "They are kept, and sent when it takes them again. `mfg-drone-gateway notify test {channel}` tries it."
            )),
        });
    })
}

/// What channels are not told because somebody has muted it.
fn hides(core: &Core) -> Hides {
    let mutes = core.mutes.clone();
    Arc::new(move |record: &OutboxRecord| {
        let is_acknowledgement = record.event == OutboxEvent::Acknowledged;
        let alert = alerts::alert(record.alert.clone());
        alert.is_some_and(|alert| mutes.hides(&alert, is_acknowledgement))
    })
}
