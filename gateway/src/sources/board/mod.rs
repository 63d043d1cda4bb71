//! The board the gateway runs on: its sensors as readings, its limits as rules.
//!
//! A thread samples the `boards` crate and publishes what has a metric as the
//! source `board`. A thread of its own, because a sysfs file on a slow bus may
//! block for tens of milliseconds. It must never judge a value: rules do. What
//! it read is left in a [`BoardView`] for the handlers, who never wait for it.

mod alarms;
mod causes;
mod change_log;
mod conditions;
mod guarding;
mod loss;
mod mapping;
mod measured;
mod named;
mod remembered;
mod rules;
mod telling;
mod view;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use boards::{
    Absence, Board, Freshness, MAX_SENSORS, Sample, SensorIndex, TemperatureLimits, Tree,
    TreeError, Words,
};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::sources::sink::{Pipeline, ReadingSink as _};
use alerting::{BOARD_FURTHER_ALARM as FURTHER, BOARD_SENSOR_LOST as LOST, Rule};
use readings::clock::Mono;
use readings::{BOARD, BOARD_SENSOR_PREFIX, METRIC_COUNT, Metric, Reading, SourceId};

use alarms::Alarms;
use causes::Causes;
use change_log::{ChangeLog, Line};
use loss::Guard;
use mapping::{Group, Waited};
pub use mapping::{is_watched, metric_of};
use named::Named;
pub use named::register_named;
use remembered::Remembered;
pub use rules::defaults as default_rules;
pub use view::BoardView;

/// Longest sleep between looks at the stop flag.
const LONGEST_NAP: Duration = Duration::from_millis(500);
/// Shortest sleep: sensors that are due at almost the same time share a round.
const SHORTEST_NAP: Duration = Duration::from_millis(20);

/// The board that the configuration describes.
///
/// # Errors
/// The file tree does not exist.
pub fn open(config: &config::Board) -> Result<Board, TreeError> {
    open_tree(&config.root, config)
}

/// The same for another tree than the configured one.
///
/// # Errors
/// The tree does not exist, or is no capture.
pub fn open_tree(root: &Path, config: &config::Board) -> Result<Board, TreeError> {
    let words = Words {
        sensors: config.sensor.clone(),
        ignored: config.ignore.clone(),
    };
    let tree = Tree::open(root)?;
    Ok(Board::described(tree, Some(&config.profiles), words))
}

/// Detects the board, adds its default rules and starts the thread. A board
/// without sensors costs one sleep every half second. What `alive` gives is
/// held by the thread, and dropped when that ends, however it comes about.
///
/// # Errors
/// The file tree does not exist, or the system refuses a thread.
pub fn spawn<A: Send + 'static>(
    config: &Config,
    source: SourceId,
    pipeline: Pipeline,
    stop: CancellationToken,
    alive: impl FnOnce() -> A,
) -> anyhow::Result<Arc<BoardView>> {
    let board = open(&config.board)?;
    for note in board.sensors().notes() {
        tracing::info!("board sensor not there: {note}");
    }
    let view = Arc::new(BoardView::new(&board, &drone_interfaces(config)));
    explain_by(&pipeline, &view);
    let named = Named::new(config.board.lost_after_s * 1_000);
    let mut watch = Watch::new(board, view.clone(), source, pipeline, named, config);
    let alive = alive();
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
    Ok(view)
}

/// Has alerts about the board and its sensors name the sensor that a value is of.
fn explain_by(pipeline: &Pipeline, view: &Arc<BoardView>) {
    let view = view.clone();
    pipeline.explain_by(Box::new(move |source, metric, value| {
        match source.strip_prefix(BOARD_SENSOR_PREFIX) {
            Some(name) => view.called(name),
            None if source == BOARD => view.sensor_of(metric, value),
            None => None,
        }
    }));
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
    view: Arc<BoardView>,
    source: SourceId,
    pipeline: Pipeline,
    generation: u64,
    limits: TemperatureLimits,
    drone_interfaces: Vec<String>,
    groups: Vec<Group>,
    /// Flags that were set at some time, by the sensor's place.
    was_set: Box<[bool; MAX_SENSORS]>,
    /// Sensors that are gone and need not be waited for, by their place.
    forgotten: Box<[bool; MAX_SENSORS]>,
    /// The samples of one round; its capacity is never exceeded, because a
    /// round reads each sensor once.
    samples: Vec<(SensorIndex, Sample)>,
    /// By metric.
    guards: [Guard; METRIC_COUNT],
    /// The rules whose alerts about the board stand, as of the last round that had to know.
    standing: Vec<Arc<Rule>>,
    /// Sensors that an earlier run told of, and that are not there yet.
    remembered: Remembered,
    /// Why sensors are lost, as was told.
    causes: Causes,
    changes: ChangeLog,
    alarms: Alarms,
    named: Named,
    /// Descriptions that were refused, and how many sensors found no place, as was told.
    refused: Vec<String>,
    left_out: usize,
    busses: conditions::Busses,
    /// How long a bus must hang.
    lost_after_ms: u64,
    /// When it was last asked whether a loss was acknowledged.
    looked_ms: u64,
}

impl Watch {
    fn new(
        board: Board,
        view: Arc<BoardView>,
        source: SourceId,
        pipeline: Pipeline,
        named: Named,
        config: &Config,
    ) -> Watch {
        let drone_interfaces = drone_interfaces(config);
        let limits = board.sensors().temperature_limits();
        let remembered = Remembered::of(&pipeline.open_about(BOARD));
        let mut causes = Causes::default();
        for missing in remembered.all() {
            causes.inherit(missing.metric, &missing.name);
        }
        let mut watch = Watch {
            generation: board.sensors().generation(),
            groups: mapping::groups(board.sensors(), &drone_interfaces),
            limits,
            drone_interfaces,
            board,
            view,
            source,
            remembered,
            pipeline,
            was_set: Box::new([false; MAX_SENSORS]),
            forgotten: Box::new([false; MAX_SENSORS]),
            samples: Vec::with_capacity(MAX_SENSORS),
            guards: [Guard::new(config.board.lost_after_s * 1_000); METRIC_COUNT],
            standing: Vec::new(),
            causes,
            changes: ChangeLog::new(),
            alarms: Alarms::new(),
            named,
            refused: Vec::new(),
            left_out: 0,
            busses: conditions::Busses::default(),
            lost_after_ms: config.board.lost_after_s * 1_000,
            looked_ms: 0,
        };
        watch.add_rules();
        watch.tell_left_out();
        // What an earlier run told may be mended by now. What is not stays the same alert,
        // with who acknowledged it.
        if conditions::refused(&watch.board).is_empty() {
            watch.pipeline.clear(conditions::REFUSED, BOARD);
        }
        watch.tell_refused();
        watch
    }

    /// Reads what is due and publishes it in one batch, so that a round costs
    /// one pass through the rules.
    fn round(&mut self, now_ms: u64) {
        let Watch { board, samples, .. } = self;
        samples.clear();
        board.sample(now_ms, &mut |index, sample| samples.push((index, sample)));
        self.remap(now_ms);
        let sensors = self.board.sensors();
        self.view
            .note(&self.samples, sensors.counters(), sensors.hung());
        for (index, sample) in &self.samples {
            if let Sample::Reading(reading) = sample {
                self.was_set[index.place()] |= reading.is_set();
                self.forgotten[index.place()] = false;
            }
        }
        self.remembered.meet(sensors, &self.groups, now_ms);
        let is_absence = |(_, sample): &(_, Sample)| matches!(sample, Sample::Absent(_));
        if self.samples.iter().any(is_absence) {
            self.standing = self.pipeline.standing_rules(BOARD);
        }
        self.publish(now_ms);
        self.named
            .round(sensors, &self.samples, &self.pipeline, now_ms);
        self.guard(now_ms);
        self.tell_stuck(now_ms);
        self.tell_alarms(now_ms);
        self.log_changes(now_ms);
    }

    /// Sensors came or went: other groups, perhaps other limits.
    fn remap(&mut self, now_ms: u64) {
        let generation = self.board.sensors().generation();
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        let before = std::mem::take(&mut self.groups);
        self.groups = mapping::groups(self.board.sensors(), &self.drone_interfaces);
        for gone in before.iter().map(|group| group.mapping.metric) {
            // Its last sensor gave its place to another: no value will ever end its alerts.
            if !self.groups.iter().any(|g| g.mapping.metric == gone) {
                self.pipeline.resolve_measured(BOARD, gone, ANOTHER_SENSOR);
                let guard = &mut self.guards[gone.index()];
                if guard.is_lost() {
                    guard.forget();
                    let lost = conditions::subject(gone);
                    self.pipeline.resolve_condition(LOST, &lost, ANOTHER_SENSOR);
                }
            }
        }
        for (place, before) in self.view.describe(&self.board, &self.drone_interfaces) {
            if let Some(mapping) = before.mapping
                && self.is_all_gone(mapping.metric, now_ms)
            {
                // Those that are gone as well will not end its alerts either.
                self.pipeline
                    .resolve_sensor(BOARD, mapping.metric, &before.name, ANOTHER_SENSOR);
            }
            self.was_set[place] = false;
            self.forgotten[place] = false;
            self.changes.forget(place);
            if let Some(alarm) = self.alarms.forget(place) {
                self.pipeline
                    .resolve_condition(FURTHER, &alarm, ANOTHER_SENSOR);
            }
        }
        self.tell_left_out();
        self.tell_refused();
        self.named.ask_again();
        let limits = self.board.sensors().temperature_limits();
        if limits != self.limits {
            self.limits = limits;
            self.add_rules();
        }
    }

    /// Whether every sensor of `metric` is gone.
    fn is_all_gone(&self, metric: Metric, now_ms: u64) -> bool {
        let is_gone = |index: &SensorIndex| {
            let now = self.board.sensors().value(*index, now_ms);
            matches!(
                now,
                Freshness::Absent(Absence::Vanished)
                    | Freshness::Stale {
                        why: Some(Absence::Vanished),
                        ..
                    }
            )
        };
        let mut groups = self.groups.iter();
        let group = groups.find(|group| group.mapping.metric == metric);
        group.is_none_or(|group| group.members.iter().all(is_gone))
    }

    fn add_rules(&self) {
        if let Err(error) = self
            .pipeline
            .default_rules(BOARD, &rules::defaults(self.limits))
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
                let mut reading = self.reading(group, now_ms);
                // Whether the others are emptied proves nothing of one that is missing.
                if group.mapping.metric == Metric::TimeToEmpty && !self.is_missed(group, now_ms) {
                    reading = mapping::time_left(reading, self.on_battery(now_ms));
                }
                // There is one group a metric: they fit.
                readings.extend(reading);
            }
        }
        if !readings.is_empty() {
            self.pipeline.publish(self.source, &readings);
        }
    }

    fn reading(&self, group: &Group, now_ms: u64) -> Option<Reading> {
        let reading = group.reading(
            |index| self.board.sensors().value(index, now_ms),
            &*self.was_set,
            self.waited(),
        );
        // What an earlier run told ends no sooner than what this one does.
        reading.filter(|reading| !self.remembered.withholds(&group.mapping, reading.value))
    }

    fn waited(&self) -> Waited<'_> {
        Waited {
            forgotten: &*self.forgotten,
            standing: &self.standing,
        }
    }

    /// Whether a sensor of `group` is waited for.
    fn is_missed(&self, group: &Group, now_ms: u64) -> bool {
        let value = |index| self.board.sensors().value(index, now_ms);
        let mut missed = group.missed(value, self.waited());
        missed.next().is_some() || self.remembered.awaits(group.mapping.metric)
    }

    /// Whether the board runs from its battery, where it says so.
    fn on_battery(&self, now_ms: u64) -> Option<bool> {
        let mut groups = self.groups.iter();
        let group = groups.find(|group| group.mapping.metric == Metric::OnBattery)?;
        Some(self.reading(group, now_ms)?.value > 0.0)
    }

    /// Says in the log which sensors lost their value in this round, why, and which
    /// have one again. The reason stands in the line itself, for who reads only that.
    fn log_changes(&mut self, now_ms: u64) {
        let sensors = self.board.sensors();
        for (index, _) in &self.samples {
            let sensor = sensors.sensor(*index);
            match self
                .changes
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
}

/// Who is shown to have resolved an alert about a sensor whose place another took.
const ANOTHER_SENSOR: &str = "another sensor";

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
