//! Every sensor of a board, each read at its own rate.
//!
//! [`Sensors::sample`] is the hot path: it walks a fixed table, reads what is
//! due into one buffer and calls back. It allocates nothing, which a test with
//! a counting allocator holds it to; looking for new devices allocates, and
//! happens only when a class directory has changed.
//!
//! Reading can block: a chip on a stuck I²C bus takes its driver's time-out, or never
//! answers. So it is read by another thread, for which a limited time is waited
//! (`lanes.rs`). Still: call it from a thread that may wait, not from an async task.

mod placing;

use serde::Serialize;

use crate::detect::Detected;
use crate::discover::{CLASS_DIRECTORIES, Fact, LeftOut, TripPoint};
use crate::hot_plug::{HotPlug, signature};
use crate::lanes::{Batch, Lanes, Returned};
use crate::probe::Probe;
use crate::quantity::Role;
use crate::rates::{BACK_OFF_MAX_MS, RESCAN_MS};
use crate::readers::Ticket;
use crate::sensor::{Absence, Freshness, Sample, Sensor, SensorIndex};
use crate::tree::{Handles, Tree};

/// What has happened since the sensors were opened, for a `/metrics` page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Files read and questions asked.
    pub reads: u64,
    /// Samples that gave no value.
    pub absences: u64,
    /// Times the classes were searched again.
    pub searches: u64,
    /// Files found or found again after the start.
    pub appeared: u64,
    /// Files lost.
    pub vanished: u64,
    /// Sensors left out because a table of `MAX_SENSORS` was full.
    pub left_out: u64,
    /// Reads and searches that did not end in time.
    pub late: u64,
}

/// The lowest limits of the temperature the board is judged by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TemperatureLimits {
    /// Where the board begins to slow down or warns, °C.
    pub throttle_c: Option<f64>,
    /// Where it is switched off or damaged, °C.
    pub critical_c: Option<f64>,
}

/// The sensors of one board.
#[derive(Debug)]
pub struct Sensors {
    tree: Tree,
    detected: Detected,
    /// What they are; a [`SensorIndex`] is a place in it.
    sensors: Vec<Sensor>,
    /// The probe and channel of each sensor; none of a place that was given up.
    owners: Vec<Option<(u16, u16)>>,
    probes: Vec<Probe>,
    probes_made: u32,
    lanes: Lanes,
    /// Devices that hang a search, by their directory.
    avoided: Vec<(Ticket, String)>,
    hot_plug: HotPlug,
    trip_points: Vec<TripPoint>,
    facts: Vec<Fact>,
    notes: Vec<String>,
    hats: Vec<String>,
    /// What the last search found no place for.
    left_out: LeftOut,
    /// Descriptions that fit two devices, and were applied to neither.
    refused: Vec<String>,
    counters: Counters,
    generation: u64,
}

impl Sensors {
    /// Finds every sensor of a tree. An empty result is a result: the notes say
    /// what was not there.
    pub fn open(tree: &Tree, detected: &Detected) -> Self {
        let directories = CLASS_DIRECTORIES
            .iter()
            .map(|dir| tree.root().join(dir.trim_start_matches('/')))
            .collect();
        let mut sensors = Sensors {
            tree: tree.clone(),
            detected: detected.clone(),
            sensors: Vec::new(),
            owners: Vec::new(),
            probes: Vec::new(),
            probes_made: 0,
            lanes: Lanes::new(),
            avoided: Vec::new(),
            hot_plug: HotPlug {
                directories,
                signature: 0,
                due_ms: 0,
                forced_due_ms: 0,
                forced_wait_ms: RESCAN_MS,
                again_ms: None,
                again_wait_ms: RESCAN_MS,
            },
            trip_points: Vec::new(),
            facts: Vec::new(),
            notes: Vec::new(),
            hats: Vec::new(),
            left_out: LeftOut::default(),
            refused: Vec::new(),
            counters: Counters::default(),
            generation: 0,
        };
        sensors.hot_plug.signature = signature(&sensors.hot_plug.directories);
        sensors.search(0);
        sensors.counters = Counters {
            left_out: sensors.counters.left_out,
            ..Counters::default()
        };
        sensors
    }

    /// Reads everything that is due at `now_ms` (any monotonic clock) and calls
    /// back for every sensor read.
    pub fn sample(&mut self, now_ms: u64, emit: &mut dyn FnMut(SensorIndex, Sample)) {
        self.take_back(now_ms);
        let mut batch = Batch::default();
        for at in 0..self.probes.len() {
            if self.probes[at].due_ms() > now_ms || self.is_waiting(at, now_ms) {
                continue;
            }
            let probe = &self.probes[at];
            let is_slow = probe.is_slow;
            let first = batch.first().map(|first| &self.probes[first].bus);
            if is_slow || batch.is_full() || first.is_some_and(|first| *first != probe.bus) {
                self.read(now_ms, &mut batch, emit);
                // What was read may have made the bus rest.
                if self.is_waiting(at, now_ms) {
                    continue;
                }
            }
            batch.push(at);
            if is_slow {
                self.read(now_ms, &mut batch, emit);
            }
        }
        self.read(now_ms, &mut batch, emit);
    }

    /// Reads probes of one bus.
    fn read(&mut self, now_ms: u64, batch: &mut Batch, emit: &mut dyn FnMut(SensorIndex, Sample)) {
        let Sensors {
            probes,
            lanes,
            counters,
            ..
        } = self;
        let gone = |probes: &[Probe]| batch.iter().filter(|at| probes[*at].is_gone()).count();
        let were_gone = gone(probes);
        let outcome = lanes.attempt(now_ms, probes, batch, &mut |place, sample| {
            counters.absences += u64::from(matches!(sample, Sample::Absent(_)));
            emit(SensorIndex(place), sample);
        });
        counters.reads += outcome.tried;
        counters.late += u64::from(outcome.is_late);
        counters.vanished += gone(probes).saturating_sub(were_gone) as u64;
        batch.clear();
    }

    /// Takes back what hung and has ended, and begins anew with its bus. What was read
    /// too late is nothing: nobody knows when it was true.
    fn take_back(&mut self, now_ms: u64) {
        while let Some((ticket, work)) = self.lanes.returned() {
            match work {
                Returned::Sources(bus, attempts) => {
                    for attempt in attempts {
                        let mut probes = self.probes.iter_mut();
                        if let Some(probe) = probes.find(|probe| probe.id == attempt.probe) {
                            probe.source.get_or_insert(attempt.source);
                        }
                    }
                    let of_bus = self.probes.iter_mut().filter(|probe| probe.bus == bus);
                    of_bus.for_each(|probe| probe.unstick(now_ms));
                }
                Returned::Search => {
                    self.avoided.retain(|(of, _)| *of != ticket);
                    self.hot_plug.look_again(now_ms);
                }
            }
        }
    }

    /// Whether a slow probe that is due waits for its turn on its bus: one that was due
    /// earlier goes first. One that is gone costs nothing, and waits for nobody.
    fn is_waiting(&self, at: usize, now_ms: u64) -> bool {
        let takes_turns = |probe: &Probe| probe.is_slow && !probe.is_gone();
        let probe = &self.probes[at];
        if !takes_turns(probe) {
            return false;
        }
        let rests = self.lanes.rests_until(&probe.bus);
        rests.is_some_and(|until_ms| now_ms < until_ms)
            || self.probes.iter().enumerate().any(|(other_at, other)| {
                takes_turns(other)
                    && other.bus == probe.bus
                    && (other.due_ms(), other_at) < (probe.due_ms(), at)
            })
    }

    /// Readers that hang in the kernel now.
    pub fn hung(&self) -> usize {
        self.lanes.hung()
    }

    /// Directories of devices that could not be looked at, because the kernel does not
    /// come back from it.
    pub fn stuck_devices(&self) -> impl Iterator<Item = &str> {
        self.avoided.iter().map(|(_, directory)| directory.as_str())
    }

    /// Busses in which a reader hangs, and devices that could not be looked at. What each is
    /// called says only that it is another one.
    pub fn stuck_busses(&self) -> impl Iterator<Item = &str> {
        self.lanes.stuck().chain(self.stuck_devices())
    }

    /// When the next call of [`Sensors::sample`], or the next look for devices, has
    /// something to do.
    pub fn next_due_ms(&self) -> u64 {
        let due = |probe: &Probe| {
            let rests = self.lanes.rests_until(&probe.bus);
            let rests_until = rests.filter(|_| probe.is_slow).unwrap_or(0);
            probe.due_ms().max(rests_until)
        };
        let probes = self.probes.iter().map(due).min();
        probes.map_or(self.hot_plug.due_ms, |due| due.min(self.hot_plug.due_ms))
    }

    /// Looks for devices that came or went; cheap when nothing has. Returns
    /// whether anything changed, that is whether [`Sensors::all`] is longer or a
    /// sensor was found again or lost.
    pub(crate) fn rescan(&mut self, now_ms: u64) -> bool {
        // A file kept open is of the device it was opened for, whoever has its number by
        // now. One that is opened anew is not: nothing is read before that was looked at.
        let is_due = now_ms >= self.hot_plug.due_ms;
        if !is_due && self.tree.handles() == Handles::Keep {
            return false;
        }
        if is_due {
            self.hot_plug.due_ms = now_ms.saturating_add(RESCAN_MS);
        }
        let signature = signature(&self.hot_plug.directories);
        let changed = signature != self.hot_plug.signature;
        let missing = self.probes.iter().any(Probe::is_gone);
        if changed || !missing {
            self.hot_plug.forced_wait_ms = RESCAN_MS;
        }
        let forced = is_due && missing && now_ms >= self.hot_plug.forced_due_ms;
        // Whatever the directories look like by then.
        let again = self.hot_plug.again_ms.take_if(|at_ms| now_ms >= *at_ms);
        if !(changed || forced || again.is_some()) {
            return false;
        }
        self.hot_plug.signature = signature;
        self.hot_plug.forced_due_ms = now_ms.saturating_add(self.hot_plug.forced_wait_ms);
        self.hot_plug.forced_wait_ms = (self.hot_plug.forced_wait_ms * 2).min(BACK_OFF_MAX_MS);
        self.search(now_ms)
    }

    /// Every sensor found; the place of each is its [`SensorIndex`]. One that is
    /// gone keeps its place until the table is full and another needs it.
    pub fn all(&self) -> &[Sensor] {
        &self.sensors
    }

    /// Every sensor with its index.
    pub fn iter(&self) -> impl Iterator<Item = (SensorIndex, &Sensor)> {
        self.sensors
            .iter()
            .enumerate()
            .map(|(place, sensor)| (SensorIndex(place as u16), sensor))
    }

    /// What a sensor is.
    pub fn sensor(&self, index: SensorIndex) -> &Sensor {
        &self.sensors[index.place()]
    }

    /// The sensors of a role, present ones first.
    pub fn by_role(&self, role: Role) -> impl Iterator<Item = SensorIndex> {
        let of_role = move |gone| {
            self.iter()
                .filter(move |(index, sensor)| sensor.role == role && self.is_gone(*index) == gone)
                .map(|(index, _)| index)
        };
        of_role(false).chain(of_role(true))
    }

    /// What a sensor is worth at `now_ms`.
    pub fn value(&self, index: SensorIndex, now_ms: u64) -> Freshness {
        let Some((probe, channel)) = self.owners[index.place()] else {
            return Freshness::Absent(Absence::Vanished);
        };
        let channel = &self.probes[usize::from(probe)].channels[usize::from(channel)];
        let young = |at_ms| now_ms.saturating_sub(at_ms) <= self.sensor(index).max_age_ms;
        match (channel.last, channel.absent) {
            // A device that is busy for a moment does not undo its last value.
            (Some(last), None | Some(Absence::NotReady)) if young(last.at_ms) => {
                Freshness::Fresh(last)
            }
            (Some(last), why) => Freshness::Stale { last, why },
            (None, why) => Freshness::Absent(why.unwrap_or(Absence::NotYetRead)),
        }
    }

    /// Why a sensor that is there has no value; none of one that has, or is gone.
    pub fn absence(&self, index: SensorIndex) -> Option<Absence> {
        let (probe, channel) = self.owners[index.place()]?;
        let probe = &self.probes[usize::from(probe)];
        let absent = probe.channels[usize::from(channel)].absent;
        absent.filter(|why| !probe.is_gone() && *why != Absence::Vanished)
    }

    /// Temperatures at which the kernel or the firmware does something.
    pub fn trip_points(&self) -> &[TripPoint] {
        &self.trip_points
    }

    /// The lowest limits of the board's own temperature, for default rules.
    pub fn temperature_limits(&self) -> TemperatureLimits {
        use crate::discover::TripKind::{Active, Critical, Hot, Passive};
        let lowest = |wanted: &[_]| {
            self.trip_points
                .iter()
                .filter(|trip| trip.of_soc && wanted.contains(&trip.kind) && trip.kind != Active)
                .map(|trip| trip.celsius)
                .min_by(f64::total_cmp)
        };
        TemperatureLimits {
            throttle_c: lowest(&[Passive, Hot]),
            critical_c: lowest(&[Critical]),
        }
    }

    /// What does not change while the board runs.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// What is not there, and why.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What the last search found no place for.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Descriptions that fit two devices and were applied to neither, with both named.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// The sensor that a person means by a name: its own, or the one it had before names
    /// said where a sensor is, if that was one sensor's only.
    ///
    /// # Errors
    /// The names of the sensors that could be meant: none, or several.
    pub fn find(&self, name: &str) -> Result<SensorIndex, Vec<String>> {
        let is_placed = |index: &SensorIndex| self.owners[index.place()].is_some();
        let all = || self.iter().filter(|(index, _)| is_placed(index));
        if let Some((index, _)) = all().find(|(_, sensor)| sensor.name == name) {
            return Ok(index);
        }
        // The number of two equal names followed the order of the boot: it says nothing.
        let (name, numbered) = match name.split_once('#') {
            Some((name, _)) => (name, true),
            None => (name, false),
        };
        let formerly = all().filter(|(_, sensor)| sensor.formerly.as_deref() == Some(name));
        let meant: Vec<_> = formerly.collect();
        match meant[..] {
            [(index, _)] if !numbered => Ok(index),
            _ => Err(meant.iter().map(|(_, s)| s.name.clone()).collect()),
        }
    }

    pub(crate) fn hold(&mut self, index: SensorIndex, held: bool) {
        if let Some((probe, _)) = self.owners[index.place()] {
            self.probes[usize::from(probe)].held = held;
        }
    }

    /// UPS HATs recognised.
    pub fn hats(&self) -> &[String] {
        &self.hats
    }

    pub(crate) fn read_inline(&mut self) {
        self.lanes.set_inline();
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Rises whenever sensors were added, lost or found again.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn is_gone(&self, index: SensorIndex) -> bool {
        self.owners[index.place()]
            .is_none_or(|(probe, _)| self.probes[usize::from(probe)].is_gone())
    }
}
