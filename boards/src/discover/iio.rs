//! Converters of the industrial I/O class (`Documentation/ABI/testing/sysfs-bus-iio`),
//! and the INA3221 as NVIDIA's own kernel shows it.

use super::chip::{self, Chip};
use super::{Draft, Search};
use crate::decode::{Decode, Linear};
use crate::quantity::{Quantity, Role};
use crate::rates::ADC_MS;
use crate::tree::Tree;

/// Steps of the widest converters, of 32 bits.
const MAX_STEPS: f64 = 4_294_967_296.0;

const BUS: &str = "/sys/bus/iio/devices";

/// One channel of a converter.
struct Input<'a> {
    chip: &'a Chip,
    file: &'a str,
    /// `voltage3`.
    stem: &'a str,
    /// `voltage`.
    kind: &'a str,
    /// Wants scaling, unlike `…_input`.
    raw: bool,
}

pub(super) fn chips(tree: &Tree) -> Vec<Chip> {
    let mut entries = tree.list(BUS);
    entries.retain(|entry| entry.starts_with("iio:device"));
    Chip::sorted(
        entries
            .iter()
            .filter_map(|entry| Chip::open(tree, BUS, entry))
            .collect(),
    )
}

pub(super) fn look(search: &mut Search, chips: &[Chip]) {
    for chip in chips {
        search.bus = chip.location.bus();
        for file in &chip.files {
            if let Some(input) = Input::parse(chip, file) {
                add(search, &input);
            }
        }
    }
    search.bus = None;
}

impl<'a> Input<'a> {
    fn parse(chip: &'a Chip, file: &'a str) -> Option<Self> {
        let inner = file.strip_prefix("in_")?;
        let (stem, raw) = match inner.strip_suffix("_raw") {
            Some(stem) => (stem, true),
            None => (inner.strip_suffix("_input")?, false),
        };
        // The highest and lowest since a reset are no values of now.
        if stem.ends_with("_peak") || stem.ends_with("_trough") {
            return None;
        }
        let end = stem
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(stem.len());
        let kind = &stem[..end];
        Some(Input {
            chip,
            file,
            stem,
            kind,
            raw,
        })
    }

    fn name(&self, chip: &str) -> String {
        format!("iio:{chip}:{}", self.stem)
    }

    /// What is measured, and how many of IIO's units are one of ours: milli-units
    /// for all but pressures, which are kilopascals.
    fn meaning(&self) -> Option<(Quantity, Role, f64)> {
        let (quantity, role, per) = match self.kind {
            "voltage" => (Quantity::Voltage, Role::Voltage, 1e3),
            "current" => (Quantity::Current, Role::Current, 1e3),
            "power" => (Quantity::Power, Role::Power, 1e3),
            "temp" => (Quantity::Temperature, Role::Temperature, 1e3),
            "humidityrelative" => (Quantity::Percent, Role::Other, 1e3),
            "pressure" => (Quantity::Pressure, Role::Other, 1e-3),
            _ => return None,
        };
        Some((quantity, role, per))
    }

    /// A raw value means something only with the scale and offset of its
    /// channel, or of its kind.
    fn linear(&self, search: &Search, by: f64, per: f64) -> Linear {
        let constant = |item: &str| self.constant(search, item).filter(|_| self.raw);
        Linear {
            offset: constant("offset").unwrap_or(0.0),
            factor: constant("scale").unwrap_or(1.0) * by,
            per,
        }
    }

    /// A channel's own scale or offset, else the one its type shares:
    /// `in_voltage0-voltage1_scale`, `in_voltage-voltage_scale`, `in_voltage_scale`.
    fn constant(&self, search: &Search, item: &str) -> Option<f64> {
        // A mean is in the steps of its channel: `in_voltage0_mean_raw`.
        let own = self.stem.strip_suffix("_mean").unwrap_or(self.stem);
        let shared: String = own.chars().filter(|c| !c.is_ascii_digit()).collect();
        [own, shared.as_str(), self.kind].iter().find_map(|of| {
            search
                .tree
                .number(&format!("{}/in_{of}_{item}", self.chip.path))
        })
    }

    /// What the driver calls it; NVIDIA's kernel has names of rails.
    fn driver_label(&self, search: &Search) -> Option<String> {
        let number = &self.stem[self.kind.len()..];
        let rail = || {
            let file = format!("{}/rail_name_{number}", self.chip.path);
            Some(format!("{} {}", search.tree.text(&file)?, self.kind))
        };
        self.chip
            .label(search.tree, &format!("in_{}", self.stem))
            .or_else(rail)
    }

    fn add(&self, search: &mut Search, drafts: Vec<Draft>) {
        let identity = format!("iio {} {}", self.chip.qualified, self.file);
        let source = format!("{}/{}", self.chip.path, self.file);
        search.add(source, identity, ADC_MS, drafts);
    }
}

fn add(search: &mut Search, input: &Input) {
    let label = input.driver_label(search);
    let known = chip::known(search, input.chip, input.stem, label.as_deref());
    let Some((quantity, role, per)) = input.meaning().filter(|_| !known.ignore) else {
        return;
    };
    let chip = input.chip;
    let label = known.label.clone().or(label);
    let label = label.unwrap_or_else(|| format!("{} {}", chip.name, input.stem));
    // Steps of a converter are no volts: without a scale from the driver or the
    // profile the number is shown as a number.
    let is_scaled =
        !input.raw || known.factor.is_some() || input.constant(search, "scale").is_some();
    let draft = |quantity, role, decode| {
        Draft::new(input.name(&chip.qualified), quantity, role, decode)
            .formerly(input.name(&chip.name))
            .subject(chip.name.as_str())
    };
    if !is_scaled {
        let draft = draft(Quantity::Count, Role::Other, Decode::UNIT)
            .label(format!("{label}, steps without a scale"))
            .range(-MAX_STEPS, MAX_STEPS);
        return input.add(search, vec![draft]);
    }
    let linear = input.linear(search, known.factor.unwrap_or(1.0), per);
    let scaled = draft(quantity, known.role.unwrap_or(role), Decode::Scaled(linear));
    let mut drafts = vec![scaled.label(label.as_str())];
    if let Some(curve) = known.charge.filter(|_| quantity == Quantity::Voltage) {
        let name = |chip: &str| format!("{}:estimate", input.name(chip));
        let estimate = Draft::estimate(name(&chip.qualified), linear, curve, &label, &chip.name);
        drafts.push(estimate.formerly(name(&chip.name)));
    }
    input.add(search, drafts);
}
