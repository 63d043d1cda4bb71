//! Converters of the industrial I/O class (`Documentation/ABI/testing/sysfs-bus-iio`),
//! and the INA3221 as NVIDIA's own kernel shows it.

use super::{Draft, Search};
use crate::decode::{Decode, Linear};
use crate::quantity::{Quantity, Role};
use crate::rates::ADC_MS;

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
        let constant = |item: &str, otherwise: f64| {
            let own = format!("{}/in_{}_{item}", self.path, self.stem);
            let shared = format!("{}/in_{}_{item}", self.path, self.kind);
            let found = search
                .tree
                .number(&own)
                .or_else(|| search.tree.number(&shared));
            if self.raw {
                found.unwrap_or(otherwise)
            } else {
                otherwise
            }
        };
        Linear {
            offset: constant("offset", 0.0),
            factor: constant("scale", 1.0) * by,
            per,
        }
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
