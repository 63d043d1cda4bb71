//! Converters of the industrial I/O class (`Documentation/ABI/testing/sysfs-bus-iio`),
//! and the INA3221 as NVIDIA's own kernel shows it.

use super::{Draft, Search};
use crate::decode::{Decode, Linear};
use crate::quantity::{Quantity, Role};
use crate::rates::ADC_MS;

/// Steps of the widest converters, of 32 bits.
const MAX_STEPS: f64 = 4_294_967_296.0;

const BUS: &str = "/sys/bus/iio/devices";

/// One channel of a converter.
struct Input<'a> {
    path: &'a str,
    chip: &'a str,
    file: &'a str,
    /// `voltage3`.
    stem: &'a str,
    /// `voltage`.
    kind: &'a str,
    /// Wants scaling, unlike `…_input`.
    raw: bool,
}

pub(super) fn look(search: &mut Search) {
    for entry in search.tree.list(BUS) {
        if !entry.starts_with("iio:device") {
            continue;
        }
        let path = format!("{BUS}/{entry}");
        let chip = search.tree.text(&format!("{path}/name")).unwrap_or(entry);
        for file in search.tree.list(&path) {
            if let Some(input) = Input::parse(&path, &chip, &file) {
                add(search, &input);
            }
        }
    }
}

impl<'a> Input<'a> {
    fn parse(path: &'a str, chip: &'a str, file: &'a str) -> Option<Self> {
        let inner = file.strip_prefix("in_")?;
        let (stem, raw) = match inner.strip_suffix("_raw") {
            Some(stem) => (stem, true),
            None => (inner.strip_suffix("_input")?, false),
        };
        let end = stem
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(stem.len());
        let kind = &stem[..end];
        Some(Input {
            path,
            chip,
            file,
            stem,
            kind,
            raw,
        })
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
        let shared: String = self.stem.chars().filter(|c| !c.is_ascii_digit()).collect();
        [self.stem, shared.as_str(), self.kind]
            .iter()
            .find_map(|of| search.tree.number(&format!("{}/in_{of}_{item}", self.path)))
    }

    fn label(&self, search: &Search) -> String {
        let own = search
            .tree
            .text(&format!("{}/in_{}_label", self.path, self.stem));
        let number = &self.stem[self.kind.len()..];
        let rail = || {
            search
                .tree
                .text(&format!("{}/rail_name_{number}", self.path))
        };
        own.or_else(|| Some(format!("{} {}", rail()?, self.kind)))
            .unwrap_or_else(|| format!("{} {}", self.chip, self.stem))
    }
}

fn add(search: &mut Search, input: &Input) {
    let known = search.known(input.chip, input.stem);
    let Some((quantity, role, per)) = input.meaning().filter(|_| !known.ignore) else {
        return;
    };
    // Steps of a converter are no volts: without a scale from the driver or the
    // profile the number is shown as a number.
    let is_scaled =
        !input.raw || known.factor.is_some() || input.constant(search, "scale").is_some();
    if !is_scaled {
        return add_unscaled(search, input);
    }
    let linear = input.linear(search, known.factor.unwrap_or(1.0), per);
    let label = known.label.clone().unwrap_or_else(|| input.label(search));
    let name = format!("iio:{}:{}", input.chip, input.stem);
    let mut drafts = vec![
        Draft::new(
            name,
            quantity,
            known.role.unwrap_or(role),
            Decode::Scaled(linear),
        )
        .label(label.as_str())
        .subject(input.chip),
    ];
    if let Some(curve) = known.charge.filter(|_| quantity == Quantity::Voltage) {
        let name = format!("iio:{}:{}:estimate", input.chip, input.stem);
        drafts.push(Draft::estimate(name, linear, curve, &label, input.chip));
    }
    // The link names the bus and address of the chip.
    let device = search.tree.link_target(input.path).unwrap_or_default();
    let identity = format!("iio {} {} {}", input.chip, device.display(), input.file);
    search.add(
        format!("{}/{}", input.path, input.file),
        identity,
        ADC_MS,
        drafts,
    );
}

/// What a converter gives without saying how much a step is.
fn add_unscaled(search: &mut Search, input: &Input) {
    let name = format!("iio:{}:{}", input.chip, input.stem);
    let label = format!("{}, steps without a scale", input.label(search));
    let draft = Draft::new(name, Quantity::Count, Role::Other, Decode::UNIT)
        .label(label)
        .subject(input.chip)
        .range(-MAX_STEPS, MAX_STEPS);
    let device = search.tree.link_target(input.path).unwrap_or_default();
    let identity = format!("iio {} {} {}", input.chip, device.display(), input.file);
    let source = format!("{}/{}", input.path, input.file);
    search.add(source, identity, ADC_MS, vec![draft]);
}
