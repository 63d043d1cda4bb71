//! Converters of the industrial I/O class (`Documentation/ABI/testing/sysfs-bus-iio`),
//! and the INA3221 as NVIDIA's own kernel shows it.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::quantity::{Quantity, Role};
use crate::rates::ADC_MS;

const BUS: &str = "/sys/bus/iio/devices";

pub(super) fn look(search: &mut Search) {
    for entry in search.tree.list(BUS) {
        if !entry.starts_with("iio:device") {
            continue;
        }
        let path = format!("{BUS}/{entry}");
        let chip = search.tree.text(&format!("{path}/name")).unwrap_or(entry);
        for file in search.tree.list(&path) {
            channel(search, &path, &chip, &file);
        }
    }
}

fn channel(search: &mut Search, path: &str, chip: &str, file: &str) {
    let Some(inner) = file.strip_prefix("in_") else {
        return;
    };
    let (stem, raw) = match (inner.strip_suffix("_raw"), inner.strip_suffix("_input")) {
        (Some(stem), _) => (stem, true),
        (None, Some(stem)) => (stem, false),
        (None, None) => return,
    };
    let kind: String = stem.chars().take_while(char::is_ascii_alphabetic).collect();
    // IIO's units are milli-units for all of these.
    let (quantity, role) = match kind.as_str() {
        "voltage" => (Quantity::Voltage, Role::Voltage),
        "current" => (Quantity::Current, Role::Current),
        "power" => (Quantity::Power, Role::Power),
        "temp" => (Quantity::Temperature, Role::Temperature),
        "humidityrelative" => (Quantity::Percent, Role::Other),
        _ => return,
    };
    let known = search
        .detected
        .profile
        .sensors
        .iter()
        .find(|c| c.chip == chip && c.channel == stem)
        .cloned();
    if known.as_ref().is_some_and(|c| c.ignore) {
        return;
    }
    // A raw value means something only with its scale, of the channel or of its kind.
    let shared = |item: &str| {
        let own = format!("{path}/in_{stem}_{item}");
        search
            .tree
            .number(&own)
            .or_else(|| search.tree.number(&format!("{path}/in_{kind}_{item}")))
    };
    let (scale, offset) = if raw {
        (
            shared("scale").unwrap_or(1.0),
            shared("offset").unwrap_or(0.0),
        )
    } else {
        (1.0, 0.0)
    };
    let by = known.as_ref().and_then(|c| c.factor).unwrap_or(1.0);
    let decode = Decode::Scaled {
        offset,
        factor: scale * by,
        per: 1e3,
    };
    let number = stem.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let label = known
        .as_ref()
        .and_then(|c| c.label.clone())
        .or_else(|| search.tree.text(&format!("{path}/in_{stem}_label")))
        .or_else(|| {
            Some(format!(
                "{} {kind}",
                search.tree.text(&format!("{path}/rail_name_{number}"))?
            ))
        })
        .unwrap_or_else(|| format!("{chip} {stem}"));
    let role = known.and_then(|c| c.role).unwrap_or(role);
    let device = search
        .tree
        .link_target(path)
        .map(|t| t.display().to_string())
        .unwrap_or_default();
    let draft = Draft::new(format!("iio:{chip}:{stem}"), quantity, role, decode)
        .label(label)
        .subject(chip);
    search.add(
        format!("{path}/{file}"),
        format!("iio {chip} {device} {file}"),
        ADC_MS,
        vec![draft],
    );
}
