//! Hardware monitors (`Documentation/hwmon/sysfs-interface.rst`), among them
//! the Raspberry Pi's undervoltage alarm and the INA2xx chips of UPS HATs.

use super::chip::{self, Chip};
use super::hat::hat_of;
use super::one_wire;
use super::trip::{TripKind, TripPoint, push};
use super::{Draft, Known, Search};
use crate::battery::Curve;
use crate::decode::Decode;
use crate::gate::GateKind;
use crate::location::ONE_WIRE_BUS;
use crate::profile::{Hat, Sign};
use crate::quantity::{Quantity, Role};
use crate::rates::{ELECTRICAL_MS, FAN_MS, ONE_WIRE_MS, SUPPLY_ALARM_MS, TEMPERATURE_MS};
use crate::tree::Tree;

const CLASS: &str = "/sys/class/hwmon";

/// The one alarm that does not end by itself: the chip remembers that the case was opened,
/// also while the board was off.
const INTRUSION: &str = "intrusion";

/// Drivers of a processor's own sensor.
const PROCESSOR_CHIPS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

pub(super) fn chips(tree: &Tree) -> Vec<Chip> {
    let entries = tree.list(CLASS);
    Chip::sorted(
        entries
            .iter()
            .filter_map(|entry| Chip::open(tree, CLASS, entry))
            .collect(),
    )
}

pub(super) fn look(search: &mut Search, chips: &[Chip]) {
    if chips.is_empty() {
        search.note("no hardware monitor under /sys/class/hwmon");
    }
    for chip in chips {
        if !mirrors_another_class(search, chip) {
            search.bus = chip.location.bus();
            look_at(search, chip);
        }
    }
    search.bus = None;
}

/// The kernel shows a thermal zone or a power supply a second time as a chip; read it
/// once.
fn mirrors_another_class(search: &Search, chip: &Chip) -> bool {
    let device = chip.location.device();
    if device.starts_with("thermal_zone") || super::power_supply::shows(search.tree, chip) {
        return true;
    }
    let only_temp1 = chip
        .files
        .iter()
        .filter(|f| f.ends_with("_input"))
        .eq(["temp1_input"].iter());
    // The chip's name is the zone's with dashes replaced.
    let zone = |name: &str| name.replace('-', "_");
    device.is_empty()
        && only_temp1
        && search
            .result
            .found
            .iter()
            .flat_map(|f| &f.sensors)
            .any(|(sensor, _)| {
                sensor.name.starts_with("thermal:")
                    && sensor
                        .subject
                        .as_deref()
                        .is_some_and(|s| zone(s) == chip.name)
            })
}

fn look_at(search: &mut Search, chip: &Chip) {
    let hat = hat_of(search, &chip.name, &chip.location)
        .filter(|hat| !search.refused_hats.contains(&hat.id));
    if let Some(hat) = &hat {
        search.result.hats.push(hat.name.clone());
    } else if matches!(chip.name.as_str(), "ina219" | "ina226" | "ina260") {
        search.note(format!(
            "{} measures something no profile names: add one to call it a companion battery",
            chip.described()
        ));
    }
    for file in &chip.files {
        let Some(attribute) = Attribute::parse(file) else {
            continue;
        };
        // A mean is of some time ago: it is read where there is no value of now.
        let mean = file.strip_suffix("_average");
        if mean.is_some_and(|stem| chip.files.contains(&format!("{stem}_input"))) {
            continue;
        }
        let label = chip.label(search.tree, attribute.stem);
        let known = chip::known(search, chip, attribute.channel, label.as_deref());
        if known.ignore {
            continue;
        }
        add(search, chip, file, &attribute, known, hat.as_ref());
    }
    for file in chip.files.iter().filter(|f| f.starts_with("temp")) {
        limit(search, chip, file);
    }
}

/// What a file of a chip is.
struct Attribute<'a> {
    /// What profiles call it: `in1`, `in0_lcrit_alarm`.
    channel: &'a str,
    /// Its number's stem, for the label: `in1`.
    stem: &'a str,
    quantity: Quantity,
    role: Role,
    period_ms: u64,
    decode: Decode,
}

impl<'a> Attribute<'a> {
    fn parse(file: &'a str) -> Option<Self> {
        let (stem, item) = match file.split_once('_') {
            Some((stem, item)) => (stem, item),
            // `pwm1` itself is the drive.
            None => (file, ""),
        };
        // NVIDIA's kernel counts turns in a file of its own (`pwm_tach`).
        if file == "rpm" {
            let turns = (Quantity::FanSpeed, Role::FanSpeed, FAN_MS, Decode::UNIT);
            return Some(Self::of("rpm", "rpm", turns));
        }
        let kind = stem.trim_end_matches(|c: char| c.is_ascii_digit());
        if kind.len() == stem.len() {
            return None;
        }
        // The alarm is a channel of its own: profiles and roles name it in full.
        if item.ends_with("alarm") || item == "fault" {
            let alarm = (
                Quantity::Flag,
                Role::Alarm,
                SUPPLY_ALARM_MS,
                Decode::NonZero,
            );
            return ["temp", "in", "curr", "power", "fan", "humidity", INTRUSION]
                .contains(&kind)
                .then(|| Self::of(file, stem, alarm));
        }
        let value = match (kind, item) {
            ("temp", "input") => (
                Quantity::Temperature,
                Role::Temperature,
                TEMPERATURE_MS,
                Decode::MILLI,
            ),
            ("in", "input" | "average") => (
                Quantity::Voltage,
                Role::Voltage,
                ELECTRICAL_MS,
                Decode::MILLI,
            ),
            ("curr", "input" | "average") => (
                Quantity::Current,
                Role::Current,
                ELECTRICAL_MS,
                Decode::MILLI,
            ),
            ("power", "input" | "average") => {
                (Quantity::Power, Role::Power, ELECTRICAL_MS, Decode::MICRO)
            }
            ("energy", "input") => (Quantity::Energy, Role::Other, ELECTRICAL_MS, Decode::MICRO),
            ("fan", "input") => (Quantity::FanSpeed, Role::FanSpeed, FAN_MS, Decode::UNIT),
            ("humidity", "input") => (Quantity::Percent, Role::Other, FAN_MS, Decode::MILLI),
            // A byte: 255 is full drive.
            ("pwm", "") => (Quantity::Percent, Role::FanDrive, FAN_MS, Decode::per(2.55)),
            _ => return None,
        };
        Some(Self::of(stem, stem, value))
    }

    fn of(
        channel: &'a str,
        stem: &'a str,
        (quantity, role, period_ms, decode): (Quantity, Role, u64, Decode),
    ) -> Self {
        Attribute {
            channel,
            stem,
            quantity,
            role,
            period_ms,
            decode,
        }
    }
}

fn add(
    search: &mut Search,
    chip: &Chip,
    file: &str,
    attribute: &Attribute,
    known: Known,
    hat: Option<&Hat>,
) {
    let label = label(search, chip, attribute, &known, hat);
    // Who knows the board best is asked first.
    let role = known
        .role
        .or_else(|| hat_role(hat, attribute.channel))
        .or_else(|| well_known(search, &chip.name, attribute.channel))
        .unwrap_or(attribute.role);
    let subject = format!("{} {}", chip.name, chip.location.device());
    let subject = subject.trim_end();
    let decode = attribute.decode.times(known.factor.unwrap_or(1.0));
    let name = |chip: &str| format!("hwmon:{chip}:{}", attribute.channel);
    let mut drafts = vec![
        Draft::new(
            name(&chip.qualified),
            attribute.quantity,
            role,
            decode.clone(),
        )
        .formerly(name(&chip.name))
        .label(label.as_str())
        .subject(subject),
    ];
    // One file, one read, two sensors.
    if let Decode::Scaled(linear) = decode
        && let Some((curve, whose)) = curve(attribute, known, &label, hat)
    {
        let name = |chip: &str| format!("hwmon:{chip}:estimate");
        let draft = Draft::estimate(name(&chip.qualified), linear, curve, &whose, subject);
        drafts.push(draft.formerly(name(&chip.name)));
    }
    drafts.extend(hat.and_then(|hat| discharging(chip, hat, attribute.channel, subject)));
    let source = format!("{}/{file}", chip.path);
    let identity = format!("hwmon {} {file}", chip.qualified);
    let fault = format!("{}/{}_fault", chip.path, attribute.stem);
    // Its bus does nothing else during a conversion, whatever is asked.
    let is_on_wire = search.bus.as_deref() == Some(ONE_WIRE_BUS);
    if is_on_wire && attribute.quantity == Quantity::Temperature {
        drafts = within(drafts, one_wire::range(chip.location.device()));
    }
    let period_ms = if is_on_wire {
        ONE_WIRE_MS
    } else {
        attribute.period_ms
    };
    if file.ends_with("_input") {
        let gated = (source, fault, GateKind::Fault);
        search.add_gated(gated, identity, period_ms, drafts);
    } else {
        search.add(source, identity, period_ms, drafts);
    }
}

fn within(drafts: Vec<Draft>, (min, max): (f64, f64)) -> Vec<Draft> {
    let within = drafts.into_iter().map(|draft| draft.range(min, max));
    within.collect()
}

/// The profile's words, else the driver's, else the HAT's name, else the chip's.
fn label(
    search: &Search,
    chip: &Chip,
    attribute: &Attribute,
    known: &Known,
    hat: Option<&Hat>,
) -> String {
    if let Some(label) = &known.label {
        return label.clone();
    }
    let own = || chip.label(search.tree, attribute.stem);
    if attribute.stem.starts_with(INTRUSION) {
        let file = attribute.channel;
        return format!(
            "{}, case opened (remembered until root writes 0 to its {file})",
            own().unwrap_or_else(|| chip.name.clone())
        );
    }
    match (own().or_else(|| rail(search, chip, attribute)), hat) {
        // One label serves the value and its alarms.
        (Some(label), _) if attribute.quantity == Quantity::Flag => {
            format!("{label} ({})", attribute.channel)
        }
        (Some(label), _) => label,
        (None, Some(hat)) => format!("{}, {}", hat.name, attribute.channel),
        (None, None) => format!("{} {}", chip.name, attribute.channel),
    }
}

/// The driver names the voltage of a rail; its current and power are the same rail's
/// (`ina3221`: `in1_label` alone).
fn rail(search: &Search, chip: &Chip, attribute: &Attribute) -> Option<String> {
    let number = attribute
        .stem
        .strip_prefix("curr")
        .or(attribute.stem.strip_prefix("power"))?;
    chip.label(search.tree, &format!("in{number}"))
}

/// The curve for a channel that is a battery's voltage, and whose it is.
fn curve(
    attribute: &Attribute,
    known: Known,
    label: &str,
    hat: Option<&Hat>,
) -> Option<(Curve, String)> {
    if attribute.quantity != Quantity::Voltage {
        return None;
    }
    if let Some(curve) = known.charge {
        return Some((curve, label.to_owned()));
    }
    let hat = hat.filter(|hat| hat.voltage.as_deref() == Some(attribute.channel))?;
    Some((hat.charge.clone()?, hat.name.clone()))
}

/// Whether the board runs from a HAT's battery, by the sign of its current.
fn discharging(chip: &Chip, hat: &Hat, channel: &str, subject: &str) -> Option<Draft> {
    if hat.current.as_deref() != Some(channel) {
        return None;
    }
    let sign = match hat.discharging? {
        Sign::Positive => 1.0,
        Sign::Negative => -1.0,
    };
    let name = |chip: &str| format!("hwmon:{chip}:discharging");
    let decode = Decode::Flowing { sign };
    let draft = Draft::new(
        name(&chip.qualified),
        Quantity::Flag,
        Role::OnBattery,
        decode,
    )
    .formerly(name(&chip.name))
    .label(format!("{}, feeds the board", hat.name));
    Some(draft.subject(subject))
}

/// What a channel means on a HAT.
fn hat_role(hat: Option<&Hat>, channel: &str) -> Option<Role> {
    let hat = hat?;
    if hat.voltage.as_deref() == Some(channel) {
        return Some(Role::CompanionBatteryVoltage);
    }
    (hat.current.as_deref() == Some(channel)).then_some(Role::CompanionBatteryCurrent)
}

/// Chips whose meaning is the same on every board.
fn well_known(search: &Search, chip: &str, channel: &str) -> Option<Role> {
    match (chip, channel) {
        ("rpi_volt", "in0_lcrit_alarm") => Some(Role::Undervoltage),
        // PCs whose kernel has no thermal zone for the processor.
        (chip, "temp1")
            if PROCESSOR_CHIPS.contains(&chip) && search.wants(Role::SocTemperature) =>
        {
            Some(Role::SocTemperature)
        }
        _ => None,
    }
}

/// `temp1_crit` and `temp1_max` are trip points by another name.
fn limit(search: &mut Search, chip: &Chip, file: &str) {
    let kind = match file.split_once('_') {
        Some((_, "crit" | "emergency")) => TripKind::Critical,
        Some((_, "max")) => TripKind::Hot,
        _ => return,
    };
    let source = format!("{}/{file}", chip.path);
    let Some(celsius) = search.tree.number(&source).map(|milli| milli / 1000.0) else {
        return;
    };
    let input = format!(
        "{}/{}_input",
        chip.path,
        file.split('_').next().unwrap_or_default()
    );
    let of_soc = search
        .result
        .found
        .iter()
        .any(|f| f.source == input && f.sensors.iter().any(|(s, _)| s.role == Role::SocTemperature))
        // Where a thermal zone has the role (`x86_pkg_temp`), it is the same sensor's.
        || (PROCESSOR_CHIPS.contains(&chip.name.as_str()) && file.starts_with("temp1_"));
    push(
        search,
        TripPoint {
            zone: chip.name.clone(),
            kind,
            celsius,
            source,
            of_soc,
        },
    );
}

/// Whether a chip will give the board's temperature, asked before chips are looked at.
pub(super) fn has_processor_chip(search: &Search) -> bool {
    search.tree.list(CLASS).iter().any(|entry| {
        let name = search.tree.text(&format!("{CLASS}/{entry}/name"));
        name.is_some_and(|name| PROCESSOR_CHIPS.contains(&name.as_str()))
    })
}
