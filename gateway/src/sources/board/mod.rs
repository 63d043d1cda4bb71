//! The board the gateway runs on: its sensors as readings, its limits as rules.
//!
//! A thread samples the `boards` crate and publishes what has a metric as the
//! source `board`. A thread of its own, because a sysfs file on a slow bus may
//! block for tens of milliseconds. It must never judge a value: rules do. What
//! it read is left in a [`Face`] for the handlers, who never wait for it.

mod face;
mod loss;
mod mapping;
mod measured;
mod rules;
mod told;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use boards::{Absence, Board, MAX_SENSORS, Sample, SensorIndex, TemperatureLimits};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::sources::sink::Pipeline;
use alerting::{AlertType, Condition, Level};
use readings::clock::Mono;
use readings::{METRIC_COUNT, Metric, Reading, SourceId};

pub use face::{Described, Face, SensorView, Snapshot};
use loss::{GUARDED, Guard, News};
use mapping::Group;
pub use mapping::{is_watched, metric_of};
pub use rules::defaults as default_rules;
use told::{Line, Told};

/// Longest sleep between looks at the stop flag.
const LONGEST_NAP: Duration = Duration::from_millis(500);
/// Shortest sleep: sensors that are due at almost the same time share a round.
const SHORTEST_NAP: Duration = Duration::from_millis(20);

/// Detects the board, adds its default rules and starts the thread. A board
/// without sensors costs one sleep every half second. `alive` is dropped when the
/// thread ends, however that comes about.
///
/// # Errors
/// The file tree does not exist, or the system refuses a thread.
pub fn spawn(
    config: &Config,
    source: SourceId,
    pipeline: Pipeline,
    stop: CancellationToken,
    alive: impl Send + 'static,
) -> anyhow::Result<Arc<Face>> {
    let board = Board::open(&config.board.root, Some(&config.board.profiles))?;
    for problem in board.problems() {
        tracing::warn!("board profile refused: {problem}");
    }
    for note in board.sensors().notes() {
        tracing::info!("board sensor not there: {note}");
    }
    let face = Arc::new(Face::new(&board));
    let mut watch = Watch::new(board, face.clone(), source, pipeline, config);
    thread::Builder::new()
        .name("board-sensors".to_owned())
        .spawn(move || {
            let _alive = alive;
            while !stop.is_cancelled() {
                let now_ms = Mono::now().as_millis();
                watch.round(now_ms);
                let due = Duration::from_millis(watch.board.next_due_ms().saturating_sub(now_ms));
                #[expect(clippy::disallowed_methods, reason = "the sensors' own thread")]
                thread::sleep(due.clamp(SHORTEST_NAP, LONGEST_NAP));
            }
        })?;
    Ok(face)
}

/// The network interfaces that the configuration says lead to drones.
#[must_use]
pub fn drone_interfaces(config: &Config) -> Vec<String> {
    config
        .drones
        .drone
        .iter()
        .filter_map(|drone| drone.interface.clone())
        .collect()
}

/// What the thread keeps. Its rounds allocate only when sensors come or go.
struct Watch {
    board: Board,
    face: Arc<Face>,
    source: SourceId,
    pipeline: Pipeline,
    generation: u64,
    limits: TemperatureLimits,
    drone_interfaces: Vec<String>,
    groups: Vec<Group>,
    /// Flags that were set at some time, by the sensor's place.
    was_set: Box<[bool; MAX_SENSORS]>,
    /// The samples of one round; its capacity is never exceeded, because a
    /// round reads each sensor once.
    samples: Vec<(SensorIndex, Sample)>,
    guards: [Guard; GUARDED.len()],
    told: Told,
}

impl Watch {
    fn new(
        board: Board,
        face: Arc<Face>,
        source: SourceId,
        pipeline: Pipeline,
        config: &Config,
    ) -> Watch {
        let drone_interfaces = drone_interfaces(config);
        let limits = board.sensors().temperature_limits();
        let watch = Watch {
            generation: board.sensors().generation(),
            groups: mapping::groups(board.sensors(), &drone_interfaces),
            limits,
            drone_interfaces,
            board,
            face,
            source,
            pipeline,
            was_set: Box::new([false; MAX_SENSORS]),
            samples: Vec::with_capacity(MAX_SENSORS),
            guards: [Guard::new(config.board.lost_after_s * 1_000); GUARDED.len()],
            told: Told::new(),
        };
        watch.add_rules();
        watch
    }

    /// Reads what is due and publishes it in one batch, so that a round costs
    /// one pass through the rules.
    fn round(&mut self, now_ms: u64) {
        let Watch { board, samples, .. } = self;
        samples.clear();
        board.sample(now_ms, &mut |index, sample| samples.push((index, sample)));
        self.remap();
        self.face
            .note(&self.samples, self.board.sensors().counters());
        for (index, sample) in &self.samples {
            if let Sample::Reading(reading) = sample {
                self.was_set[index.place()] |= reading.is_set();
            }
        }
        self.publish(now_ms);
        self.guard(now_ms);
        self.tell(now_ms);
    }

    /// Sensors came or went: other groups, perhaps other limits.
    fn remap(&mut self) {
        let generation = self.board.sensors().generation();
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        self.groups = mapping::groups(self.board.sensors(), &self.drone_interfaces);
        self.face.describe(&self.board);
        let limits = self.board.sensors().temperature_limits();
        if limits != self.limits {
            self.limits = limits;
            self.add_rules();
        }
    }

    fn add_rules(&self) {
        if let Err(error) = self
            .pipeline
            .alerts()
            .set_defaults("board", &rules::defaults(self.limits))
        {
            tracing::error!(%error, "the board's default rules are not in effect");
        }
    }

    /// Publishes every metric one of whose sensors was read in this round.
    fn publish(&self, now_ms: u64) {
        let mut readings = heapless::Vec::<Reading, METRIC_COUNT>::new();
        for group in &self.groups {
            if self
                .samples
                .iter()
                .any(|(index, _)| group.members.contains(index))
            {
                let reading = group.reading(
                    |index| self.board.sensors().value(index, now_ms),
                    &*self.was_set,
                );
                // There is one group a metric: they fit.
                readings.extend(reading);
            }
        }
        if !readings.is_empty() {
            self.pipeline.publish(self.source, &readings);
        }
    }

    /// Says in the log which sensors lost their value in this round, why, and which
    /// have one again. The reason stands in the line itself, for who reads only that.
    fn tell(&mut self, now_ms: u64) {
        let sensors = self.board.sensors();
        for (index, _) in &self.samples {
            let sensor = sensors.sensor(*index);
            match self
                .told
                .observe(*index, sensors.value(*index, now_ms), now_ms)
            {
                // Nothing is wrong with a source that says so itself.
                Some(Line::Missing(why @ Absence::Unavailable(_))) => {
                    tracing::info!(
                        source = sensor.source,
                        "board sensor {} has no value: {why}",
                        sensor.name
                    );
                }
                Some(Line::Missing(why)) => {
                    tracing::warn!(
                        source = sensor.source,
                        "board sensor {} has no value: {why}",
                        sensor.name
                    );
                }
                Some(Line::Back) => {
                    tracing::info!("board sensor {} has a value again", sensor.name)
                }
                None => {}
            }
        }
    }

    /// Tells of guarded metrics that are lost, or back.
    fn guard(&mut self, now_ms: u64) {
        for (metric, guard) in GUARDED.into_iter().zip(&mut self.guards) {
            let Some(group) = self
                .groups
                .iter()
                .find(|group| group.mapping.metric == metric)
            else {
                continue;
            };
            let sensors = self.board.sensors();
            let alerts = self.pipeline.alerts();
            match guard.observe(
                loss::state(group, |index| sensors.value(index, now_ms)),
                now_ms,
            ) {
                Some(News::Lost(index, why)) => {
                    alerts.raise(lost(metric, sensors.sensor(index), why))
                }
                Some(News::Back) => alerts.clear(LOST, &subject(metric)),
                None => {}
            }
        }
    }
}

/// Key of the condition that a guarded metric is lost.
const LOST: &str = "board_sensor_lost";

fn subject(metric: Metric) -> Arc<str> {
    format!("board/{metric}").into()
}

fn lost(metric: Metric, sensor: &boards::Sensor, why: Absence) -> Condition {
    Condition {
        key: LOST,
        subject: subject(metric),
        level: Level::Warning,
        alert_type: AlertType::System,
        title: "Board Sensor Lost",
        message: format!(
            "{metric} is no longer known: {} ({}): {why}",
            sensor.label, sensor.name
        ),
        details: Some(format!(
            "{} does not answer. Rules on {metric} cannot fire until it does.",
            sensor.source
        )),
    }
}
