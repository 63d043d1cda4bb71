//! Third phase of a start: the sources of readings, with their histories.

use std::sync::Arc;
use std::time::Duration;

use https::port_holder::{self, Protocol};
use readings::clock::{self, Mono};
use readings::measured::Measured;
use readings::telemetry::Telemetry;
use readings::{Metric, Reading, SourceId, Sources};
use store::Store;
use tello_simulator::SimulatedDrone;

use super::core::Core;
use super::housekeeping::every;
use super::panel;
use crate::config::Config;
use crate::demo::{self, Stage};
use crate::performance::{self, Performance, Sampler};
use crate::plans::Plans;
use crate::recordings::{self, Observed, Recordings};
use crate::safety::SafetyTask;
use crate::settings::{Origin, Settings};
use crate::sources::sink::ReadingSink as _;
use crate::sources::tello::{Fleet, FleetOptions, Serials};
use crate::sources::vehicles::{Controls, LOOKS_EVERY, Vehicles, boot_ms};
use crate::sources::{board, bridge};
use crate::supervision::Service;
use crate::table::table;

/// Age at which the board's temperature is no longer shown.
const TEMPERATURE_MAX_AGE: Duration = Duration::from_secs(30);

/// The sources, running.
pub(super) struct Observing {
    pub(super) fleet: Fleet,
    /// The drones of every kind.
    pub(super) vehicles: Vehicles,
    pub(super) plans: Plans,
    pub(super) bridges: bridge::Bridges,
    pub(super) board: Option<Arc<board::BoardView>>,
    pub(super) performance: Arc<Performance>,
    pub(super) recordings: Arc<Recordings>,
    pub(super) _sampler: Sampler,
    /// The demo's drones.
    pub(super) stage: Option<Arc<Stage>>,
}

impl Observing {
    pub(super) async fn start(settings: &Settings, core: &Core) -> anyhow::Result<Observing> {
        let config = settings.config();
        let stage = match settings.origin() {
            Origin::Demo | Origin::DemoOnLan => Some(Stage::new(simulate(config)?)),
            Origin::Installed => None,
        };
        let controls = Controls::default();
        let options = FleetOptions {
            port_holder: udp_holder,
            supervisor: Some(core.supervisor.clone()),
            controls: controls.clone(),
            events: core.events.clone(),
            path: Some(core.path.handle().clone()),
            // The demo's drones end with it: none is in the air when it is started anew.
            state_dir: stage.is_none().then(|| config.storage.dir.clone()),
            serials: Serials::open(&config.storage.dir),
            takeoff_hold: Arc::new(core.safety.clone()),
        };
        let fleet = Fleet::start(&config.drones, core.pipeline.clone(), options)?;
        // Before anything can be judged or pressed.
        let vehicles = Vehicles::new(vec![Arc::new(fleet.clone())], controls);
        act(core, &vehicles);
        watch_standstills(core, &vehicles);
        let plans = fly_plans(core, &vehicles);
        if let Some(stage) = stage.clone().filter(|_| !settings.is_still()) {
            show(core, &vehicles, stage);
        }
        let (boards_end, control) = bridge::panel();
        panel::spawn(&core.supervisor, control, &core.alerts, &core.stop);
        let bridges = bridge::Bridges::new(
            core.pipeline.clone(),
            boards_end,
            Arc::new(core.safety.clone()),
            core.supervisor.clone(),
        );
        board::register_named(&core.pipeline);
        restore_history(&core.store, &core.sources, &core.telemetry, |source| {
            bridges.adopt(source, &config.bridge)
        });
        // After the histories: a series takes stored steps only before its first reading.
        bridges.apply(&config.bridge);
        let (kept, stop) = (bridges.clone(), core.stop.clone());
        let service = Some(Service::Monitoring);
        core.supervisor
            .keep("bridge watch", service, move || kept.upkeep(stop.clone()));
        let board = watch_board(config, core);
        core.alerts.rules_complete();
        let performance = Arc::new(Performance::new(table().templates()));
        let sampler = sample_machine(config, core, &performance).await?;
        let recordings = record(config, core, &vehicles, &fleet)?;
        Ok(Observing {
            vehicles,
            plans,
            recordings,
            fleet,
            bridges,
            board,
            performance,
            _sampler: sampler,
            stage,
        })
    }
}

impl Observing {
    /// Every source with counters.
    pub(super) fn measured(&self) -> Vec<Arc<dyn Measured>> {
        let mut measured: Vec<Arc<dyn Measured>> = vec![
            self.performance.clone(),
            Arc::new(self.vehicles.clone()),
            Arc::new(self.bridges.clone()),
            self.recordings.clone(),
        ];
        let board = self.board.clone();
        measured.extend(board.map(|board| board as Arc<dyn Measured>));
        measured
    }
}

/// Starts what flies plans.
fn fly_plans(core: &Core, vehicles: &Vehicles) -> Plans {
    let hold = Arc::new(core.safety.clone());
    let (events, access) = (core.events.clone(), core.access.clone());
    let plans = Plans::new(vehicles.clone(), hold, events, access);
    let (kept, stop) = (plans.clone(), core.stop.clone());
    core.supervisor
        .keep("flight plans", None, move || kept.clone().run(stop.clone()));
    plans
}

/// Lets the demo's drones fly by themselves.
fn show(core: &Core, vehicles: &Vehicles, stage: Arc<Stage>) {
    let (vehicles, events, stop) = (vehicles.clone(), core.events.clone(), core.stop.clone());
    core.supervisor.keep("demo flights", None, move || {
        let flights = demo::fly(stage.clone(), vehicles.clone(), events.clone());
        let stop = stop.clone();
        async move {
            stop.run_until_cancelled(flights).await;
        }
    });
}

/// Starts what acts on drones, and what keeps its latches.
fn act(core: &Core, vehicles: &Vehicles) {
    let service = Some(Service::Alerts);
    let (safety, vehicles) = (core.safety.clone(), vehicles.clone());
    let (sink, events, stop) = (
        core.pipeline.clone(),
        core.events.clone(),
        core.stop.clone(),
    );
    core.supervisor.keep("safety actions", service, move || {
        let acting = SafetyTask {
            safety: safety.clone(),
            vehicles: vehicles.clone(),
            sink: sink.clone(),
            events: events.clone(),
        };
        acting.run(stop.clone())
    });
    let (safety, sink, stop) = (
        core.safety.clone(),
        core.pipeline.clone(),
        core.stop.clone(),
    );
    core.supervisor
        .keep("emergency stop latch", service, move || {
            let safety = safety.clone();
            safety.keep_latches(sink.clone(), stop.clone())
        });
}

/// Notes when the gateway itself stands still, for whoever judges what was asked before.
fn watch_standstills(core: &Core, vehicles: &Vehicles) {
    let (standstills, stop) = (vehicles.controls().standstills().clone(), core.stop.clone());
    core.supervisor.keep("standstill watch", None, move || {
        let standstills = standstills.clone();
        every(LOOKS_EVERY, stop.clone(), move || {
            if let Some(stood_still) = standstills.look(boot_ms()) {
                tracing::warn!(
                    seconds = stood_still.as_secs_f64(),
                    "the gateway stood still; what was asked before that flies no drone"
                );
            }
        })
    });
}

/// Starts recording flights.
fn record(
    config: &Config,
    core: &Core,
    vehicles: &Vehicles,
    fleet: &Fleet,
) -> anyhow::Result<Arc<Recordings>> {
    let observed = Observed {
        vehicles: vehicles.clone(),
        fleet: fleet.clone(),
        events: core.events.clone(),
        alerts: core.alerts.clone(),
        config: Arc::new(config.clone()),
    };
    Ok(recordings::spawn(
        observed,
        core.tap.clone(),
        &core.supervisor,
    )?)
}

fn udp_holder(address: std::net::SocketAddr) -> Option<String> {
    port_holder::port_holder(Protocol::Udp, address).map(|holder| holder.to_string())
}

/// The demo's drones, on the wire before the fleet looks for them.
fn simulate(config: &Config) -> anyhow::Result<Vec<SimulatedDrone>> {
    let drones = &config.drones;
    demo::DRONES
        .iter()
        .enumerate()
        .map(|(index, drone)| {
            let address = std::net::SocketAddr::new(drone.address, drones.command_port);
            let options = tello_simulator::Options {
                state_port: drones.state_port,
                video_port: drones.video_port,
                battery_pct: drone.battery_pct,
                temperature_c: drone.temperature_c,
                idle_temperature_c: drone.temperature_c,
                ..tello_simulator::Options::varied(index)
            };
            SimulatedDrone::start(address, options).map_err(|error| {
                let key = "--command-port";
                let advice = port_holder::explain(Protocol::Udp, address, &error, key);
                anyhow::anyhow!("the demo's drone {}: {advice}", drone.id)
            })
        })
        .collect()
}

fn restore_history(
    store: &Store,
    sources: &Sources,
    telemetry: &Telemetry,
    adopt: impl Fn(&str) -> Option<SourceId>,
) {
    store.replay_history(|record| {
        if let Some((minute, ..)) = record.steps.last() {
            clock::is_at_least(i64::from(*minute) * 60_000_000);
        }
        let source = sources
            .find(&record.source)
            .map(|source| source.id)
            .or_else(|| adopt(&record.source));
        if let (Some(source), Some(metric)) = (source, Metric::from_name(&record.metric)) {
            telemetry.restore(source, metric, &record.steps);
        }
    });
}

/// Starts sampling the board's sensors. Without them the gateway still watches
/// drones.
fn watch_board(config: &Config, core: &Core) -> Option<Arc<board::BoardView>> {
    if !config.board.enabled {
        return None;
    }
    let alive = || {
        let service = Some(Service::Monitoring);
        core.supervisor.thread("board sensors", service)
    };
    let (pipeline, stop) = (core.pipeline.clone(), core.stop.clone());
    match board::spawn(config, core.board_source, pipeline, stop, alive) {
        Ok(board) => {
            tracing::info!(
                board = board.name,
                profile = board.profile,
                "board detected"
            );
            Some(board)
        }
        Err(error) => {
            tracing::error!("no board sensors: {error:#}");
            None
        }
    }
}

/// Starts sampling the machine, and waits for the first figures.
async fn sample_machine(
    config: &Config,
    core: &Core,
    performance: &Arc<Performance>,
) -> anyhow::Result<Sampler> {
    let interval = Duration::from_millis(config.board.sample_interval_ms);
    let (machine, noted) = (core.pipeline.clone(), performance.clone());
    let telemetry = core.telemetry.clone();
    let source = core.board_source;
    let alive = core
        .supervisor
        .thread("host sampler", Some(Service::Performance));
    let (root, state_dir) = (&config.board.root, &config.storage.dir);
    let mut sampler = performance::spawn_sampler(
        performance.clone(),
        root,
        state_dir,
        interval,
        move |snapshot| {
            // Dropped with this closure, when the thread ends.
            let _ = &alive;
            let readings: heapless::Vec<Reading, 3> = snapshot.readings().collect();
            machine.publish(source, &readings);
            // The next snapshot shows the temperature that the board's thread read,
            // unless that has fallen silent.
            let latest = telemetry.latest(source, Metric::Temperature);
            let fresh = latest.filter(|latest| Mono::now().since(latest.at) < TEMPERATURE_MAX_AGE);
            noted.set_board_temperature(fresh.map(|latest| latest.value));
        },
    )?;
    sampler.first_sample().await;
    Ok(sampler)
}
