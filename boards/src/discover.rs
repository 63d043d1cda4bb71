//! Looking for sensors: one module a class of the kernel's.
//!
//! Discovery allocates and may be slow; it runs at start and when a device came
//! or went. What it finds is plain data ([`Found`]), which the sampler turns
//! into open files. A class that is empty leaves a note, because an empty list
//! without a reason looks like a fault of this program.

mod chip;
mod clock;
mod cpu;
mod hat;
mod hwmon;
mod iio;
mod left_out;
mod net;
mod one_wire;
mod power_supply;
mod rtc;
mod storage;
mod thermal;
mod trip;
mod watchdog;

use std::collections::HashSet;

use serde::Serialize;

use crate::battery::Curve;
use crate::decode::{Decode, Linear};
use crate::detect::Detected;
use crate::disk_health;
use crate::gate::GateKind;
use crate::kernel::Question;
use crate::profile::{Channel, Id};
use crate::quantity::{Quantity, Range, Role};
use crate::rates::STALE_AFTER_PERIODS;
use crate::sensor::Sensor;
use crate::tree::{Tree, printable};

use chip::Chip;
pub use left_out::LeftOut;
pub use trip::{TripKind, TripPoint};

/// Sensors of one board. A server with sixteen fans and forty temperatures has
/// a hundred; more is a fault or an attack on the tree. On a running board each
/// file stays open, so this also bounds the descriptors held.
pub const MAX_SENSORS: usize = 256;

/// The directories whose entries come and go with devices.
pub(crate) const CLASS_DIRECTORIES: [&str; 11] = [
    "/sys/class/thermal",
    "/sys/class/hwmon",
    "/sys/class/power_supply",
    "/sys/class/net",
    "/sys/class/watchdog",
    "/sys/bus/iio/devices",
    "/sys/bus/mmc/devices",
    "/sys/bus/w1/devices",
    "/sys/class/rtc",
    disk_health::CLASS,
    disk_health::DIRECTORY,
];

/// What stands behind a source.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A file that holds a value.
    File,
    /// A file of which only its existence counts.
    Marker,
    /// No file: the kernel is asked.
    Kernel(Question),
}

/// A source to sample, with the sensors in it.
#[derive(Debug)]
pub(crate) struct Found {
    /// The device and attribute, independent of numbering.
    pub(crate) identity: String,
    pub(crate) source: String,
    /// What is read one after the other and hangs together.
    pub(crate) bus: String,
    pub(crate) period_ms: u64,
    pub(crate) origin: Origin,
    /// Files that are read behind the source, in its directory or with their whole path.
    pub(crate) beside: Vec<String>,
    /// Files there that are read while the source has never held a charge, the best first.
    pub(crate) instead: Vec<Vec<String>>,
    /// Files that say whether the source means anything.
    pub(crate) gates: Vec<(String, GateKind)>,
    pub(crate) sensors: Vec<(Sensor, Decode)>,
}

/// Everything one look gave.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    pub(crate) found: Vec<Found>,
    pub(crate) trip_points: Vec<TripPoint>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) notes: Vec<String>,
    /// UPS HATs recognised.
    pub(crate) hats: Vec<String>,
    /// What was left out because there was more than [`MAX_SENSORS`].
    pub(crate) left_out: LeftOut,
    /// Descriptions that fit two devices, and were applied to neither.
    pub(crate) refused: Vec<String>,
}

/// Where a user's own words are from.
pub(crate) const CONFIGURATION: &str = "configuration";

/// Something about the board that does not change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What, for people.
    pub name: String,
    /// The value, for people.
    pub value: String,
    /// Where it was read.
    pub source: String,
}

/// What a processor that runs this program can have. It is switched off above, and
/// −40 °C or 127 °C is what a sensor without a conversion gives.
const SOC_TEMPERATURE: Range = Range {
    min: -39.9,
    max: 126.9,
};

/// One sensor as a class module describes it; the rest has defaults.
pub(crate) struct Draft {
    name: String,
    /// As it was called before names said where a sensor is.
    formerly: Option<String>,
    label: String,
    subject: Option<String>,
    quantity: Quantity,
    role: Role,
    estimated: bool,
    /// Holds a single role beside another of its kind: one of several batteries.
    beside: bool,
    range: Range,
    decode: Decode,
}

impl Draft {
    pub(crate) fn new(
        name: impl Into<String>,
        quantity: Quantity,
        role: Role,
        decode: Decode,
    ) -> Self {
        let name = name.into();
        Draft {
            label: name.clone(),
            name,
            formerly: None,
            subject: None,
            quantity,
            role,
            estimated: false,
            beside: false,
            range: quantity.plausible(),
            decode,
        }
    }

    pub(crate) fn formerly(mut self, name: String) -> Self {
        self.formerly = (name != self.name).then_some(name);
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Values outside are faults.
    pub(crate) fn range(mut self, min: f64, max: f64) -> Self {
        self.range = Range { min, max };
        self
    }

    /// One of several that hold the role together.
    pub(crate) fn beside(mut self) -> Self {
        self.beside = true;
        self
    }

    /// The charge of a battery of which only the voltage is known.
    pub(crate) fn estimate(
        name: String,
        volts: Linear,
        curve: Curve,
        whose: &str,
        subject: &str,
    ) -> Self {
        let decode = Decode::Charge { volts, curve };
        let mut draft = Draft::new(name, Quantity::Percent, Role::CompanionBattery, decode)
            .label(format!("{whose}, charge estimated from voltage"))
            .subject(subject);
        draft.estimated = true;
        draft
    }
}

/// A profile's words on one channel.
#[derive(Default)]
pub(crate) struct Known {
    label: Option<String>,
    role: Option<Role>,
    factor: Option<f64>,
    charge: Option<Curve>,
    ignore: bool,
}

impl Known {
    /// Adds what is not known yet.
    fn add(&mut self, words: &Channel) {
        let Known {
            label,
            role,
            factor,
            charge,
            ignore,
        } = self;
        *label = label.take().or_else(|| words.label.clone());
        *role = role.or(words.role);
        *factor = factor.or(words.factor);
        let own = || words.charge.clone();
        let typical = || Curve::lithium(words.cells?.get());
        *charge = charge.take().or_else(own).or_else(typical);
        *ignore |= words.ignore;
    }
}

/// What the class modules see and add to.
pub(crate) struct Search<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) detected: &'a Detected,
    pub(crate) result: Discovery,
    names: HashSet<String>,
    identities: HashSet<String>,
    single_roles: HashSet<Role>,
    /// Descriptions that fit two chips, by their place.
    refused_words: HashSet<usize>,
    /// HATs that two chips could be.
    refused_hats: HashSet<Id>,
    /// The bus of the device that is being looked at.
    bus: Option<String>,
    count: usize,
}

/// Looks at everything.
pub(crate) fn discover(tree: &Tree, detected: &Detected) -> Discovery {
    let mut search = Search {
        tree,
        detected,
        refused_words: HashSet::new(),
        refused_hats: HashSet::new(),
        bus: None,
        result: Discovery::default(),
        names: HashSet::new(),
        identities: HashSet::new(),
        single_roles: HashSet::new(),
        count: 0,
    };
    let (monitors, converters) = (hwmon::chips(tree), iio::chips(tree));
    refuse(&mut search, &monitors, &converters);
    // Order decides who holds a single role: a zone before a chip, a gauge that
    // counts charge before a voltage that is only looked up in a curve.
    thermal::look(&mut search);
    power_supply::look(&mut search);
    hwmon::look(&mut search, &monitors);
    iio::look(&mut search, &converters);
    one_wire::look(&mut search);
    rtc::look(&mut search);
    thermal::judge_without_a_processor(&mut search);
    cpu::look(&mut search);
    storage::look(&mut search);
    net::look(&mut search);
    clock::look(&mut search);
    watchdog::look(&mut search);
    one_wire::wait_for_turns(&mut search.result.found);
    search.result
}

/// Finds the descriptions that fit two chips.
fn refuse(search: &mut Search, monitors: &[Chip], converters: &[Chip]) {
    let words = chip::ambiguous(search, monitors.iter().chain(converters));
    for (place, why) in words {
        search.refused_words.insert(place);
        search.result.refused.push(why);
    }
    for (hat, why) in hat::ambiguous(search, monitors) {
        search.refused_hats.insert(hat);
        search.result.refused.push(why);
    }
}

impl Search<'_> {
    /// Adds the sensors of one file.
    pub(crate) fn add(
        &mut self,
        source: String,
        identity: String,
        period_ms: u64,
        drafts: Vec<Draft>,
    ) {
        self.push(source, identity, period_ms, Origin::File, drafts);
    }

    /// The same, with the file that says whether it means anything, if it exists.
    pub(crate) fn add_gated(
        &mut self,
        (source, gate, kind): (String, String, GateKind),
        identity: String,
        period_ms: u64,
        drafts: Vec<Draft>,
    ) {
        self.add(source.clone(), identity, period_ms, drafts);
        self.gate_last(&source, gate, kind);
    }

    /// A further file that says whether what was added last means anything.
    pub(crate) fn gate_last(&mut self, source: &str, gate: String, kind: GateKind) {
        let last = self.result.found.last_mut();
        if let Some(found) = last.filter(|found| found.source == source)
            && self.tree.is_file(&gate)
        {
            found.gates.push((gate, kind));
        }
    }

    /// Adds a flag that is set when a file exists.
    /// Its path is its identity: a marker belongs to a service, not to a device.
    pub(crate) fn add_marker(&mut self, source: String, period_ms: u64, draft: Draft) {
        self.push(
            source.clone(),
            source,
            period_ms,
            Origin::Marker,
            vec![draft],
        );
    }

    /// Adds the sensors in the answer to a question; `source` is for people and
    /// tells this one from the others.
    pub(crate) fn add_question(
        &mut self,
        source: String,
        question: Question,
        period_ms: u64,
        drafts: Vec<Draft>,
    ) {
        self.push(
            source.clone(),
            source,
            period_ms,
            Origin::Kernel(question),
            drafts,
        );
    }

    fn push(
        &mut self,
        source: String,
        identity: String,
        period_ms: u64,
        origin: Origin,
        mut drafts: Vec<Draft>,
    ) {
        drafts.retain(|draft| !self.is_ignored(draft));
        if drafts.is_empty() {
            return;
        }
        if !self.make_room(&drafts) {
            for draft in &drafts {
                self.result.left_out.add(&draft.name);
            }
            return;
        }
        self.count += drafts.len();
        // Two equal chips whose devices cannot be told apart are told by order.
        let identity = unique(&mut self.identities, identity);
        let sensors = drafts
            .into_iter()
            .map(|draft| self.finish(draft, &source, period_ms))
            .collect();
        let own_bus = || {
            source
                .rsplit_once('/')
                .map_or("", |(path, _)| path)
                .to_owned()
        };
        self.result.found.push(Found {
            identity,
            bus: self.bus.clone().unwrap_or_else(own_bus),
            source,
            period_ms,
            origin,
            beside: Vec::new(),
            instead: Vec::new(),
            gates: Vec::new(),
            sensors,
        });
    }

    fn is_ignored(&self, draft: &Draft) -> bool {
        let words = &self.detected.words;
        let former = draft.formerly.as_deref();
        words.ignores(&draft.name) || former.is_some_and(|name| words.ignores(name))
    }

    fn finish(&mut self, draft: Draft, source: &str, period_ms: u64) -> (Sensor, Decode) {
        // A rule written against a single role must mean one sensor.
        let taken = draft.role.is_single() && !self.single_roles.insert(draft.role);
        let role = if taken && !draft.beside {
            draft.role.demoted()
        } else {
            draft.role
        };
        let sensor = Sensor {
            name: unique(&mut self.names, one_line(&draft.name)),
            formerly: draft.formerly,
            label: one_line(&draft.label),
            subject: draft.subject.as_deref().map(one_line),
            quantity: draft.quantity,
            role,
            range: match role {
                Role::SocTemperature => SOC_TEMPERATURE,
                _ => draft.range,
            },
            estimated: draft.estimated,
            source: source.to_owned(),
            period_ms,
            max_age_ms: period_ms * STALE_AFTER_PERIODS,
        };
        (sensor, draft.decode)
    }

    /// Descriptions of channels, in the order in which they count, each with the file it
    /// is from.
    pub(crate) fn described(&self) -> impl Iterator<Item = (&str, &Channel)> {
        let own = self.detected.words.sensors.iter();
        let own = own.map(|words| (CONFIGURATION, words));
        let file = self.detected.profile_file.as_str();
        let profile = self.detected.profile.sensors.iter();
        own.chain(profile.map(move |words| (file, words)))
    }

    /// Whether a single role is still free.
    pub(crate) fn wants(&self, role: Role) -> bool {
        !self.single_roles.contains(&role)
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.result.notes.push(note.into());
    }

    pub(crate) fn fact(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
        source: impl Into<String>,
    ) {
        self.result.facts.push(Fact {
            name: name.into(),
            value: value.into(),
            source: source.into(),
        });
    }
}

/// Names of directories may hold anything but a slash.
fn one_line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// Two equal chips have equal names: the second is `…#2`.
fn unique(taken: &mut HashSet<String>, name: String) -> String {
    let mut candidate = name.clone();
    let mut number = 1;
    while !taken.insert(candidate.clone()) {
        number += 1;
        candidate = format!("{name}#{number}");
    }
    candidate
}
