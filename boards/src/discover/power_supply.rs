//! Batteries, chargers and UPS HATs with a gauge
//! (`Documentation/ABI/testing/sysfs-class-power`).

use super::{Draft, Search};
use crate::decode::Decode;
use crate::quantity::{Quantity, Role};
use crate::rates::BATTERY_MS;

const CLASS: &str = "/sys/class/power_supply";

pub(super) fn look(search: &mut Search) {
    for entry in search.tree.list(CLASS) {
        look_at(search, &entry);
    }
}

fn look_at(search: &mut Search, entry: &str) {
    let path = format!("{CLASS}/{entry}");
    let text = |name: &str| search.tree.text(&format!("{path}/{name}"));
    let kind = text("type").unwrap_or_default();
    // A wireless mouse's battery is a power supply too; its scope is `Device`.
    let powers_board = text("scope").as_deref() != Some("Device");
    let battery = matches!(kind.as_str(), "Battery" | "UPS");
    let companion = battery && powers_board;
    let hat = companion
        .then(|| super::hwmon::hat_for(search, entry, &path))
        .flatten();
    let label = match (&hat, text("manufacturer"), text("model_name")) {
        (Some(hat), _, _) => hat.name.clone(),
        (None, Some(maker), Some(model)) => format!("{maker} {model}"),
        (None, None, Some(name)) | (None, Some(name), None) => name,
        (None, None, None) => entry.to_owned(),
    };
    if let Some(hat) = &hat {
        search.result.hats.push(hat.name.clone());
    }
    let device = search
        .tree
        .link_name(&format!("{path}/device"))
        .unwrap_or_default();
    for (attribute, what, sensor) in attributes(companion, battery) {
        let source = format!("{path}/{attribute}");
        if !search.tree.exists(&source) {
            continue;
        }
        let name = format!("power:{entry}:{}", sensor.name);
        let draft = Draft { name, ..sensor }
            .label(format!("{label}, {what}"))
            .subject(entry);
        search.add(
            source,
            format!("power {entry} {device} {attribute}"),
            BATTERY_MS,
            vec![draft],
        );
    }
    estimate(
        search,
        entry,
        &path,
        &label,
        companion,
        hat.and_then(|hat| hat.charge),
    );
}

/// The attributes read, as `(file, words, sensor)`; the names are completed by the caller.
fn attributes(companion: bool, battery: bool) -> Vec<(&'static str, &'static str, Draft)> {
    let role = |meant, otherwise| if companion { meant } else { otherwise };
    let mut all = vec![
        (
            "voltage_now",
            "voltage",
            Draft::new(
                "voltage",
                Quantity::Voltage,
                role(Role::CompanionBatteryVoltage, Role::Voltage),
                Decode::MICRO,
            ),
        ),
        (
            "current_now",
            "current",
            Draft::new(
                "current",
                Quantity::Current,
                role(Role::CompanionBatteryCurrent, Role::Current),
                Decode::MICRO,
            ),
        ),
        (
            "power_now",
            "power",
            Draft::new("power", Quantity::Power, Role::Power, Decode::MICRO),
        ),
        (
            "temp",
            "temperature",
            Draft::new(
                "temp",
                Quantity::Temperature,
                Role::Temperature,
                Decode::per(10.0),
            ),
        ),
    ];
    if battery {
        all.insert(
            0,
            (
                "capacity",
                "charge",
                Draft::new(
                    "capacity",
                    Quantity::Percent,
                    role(Role::CompanionBattery, Role::Other),
                    Decode::UNIT,
                ),
            ),
        );
        all.push((
            "status",
            "discharging",
            Draft::new(
                "discharging",
                Quantity::Flag,
                role(Role::OnBattery, Role::Other),
                Decode::Word("Discharging"),
            ),
        ));
    } else {
        all.push((
            "online",
            "connected",
            Draft::new(
                "online",
                Quantity::Flag,
                Role::ExternalPower,
                Decode::NonZero,
            ),
        ));
    }
    all
}

/// A battery that only tells its voltage, with a profile that knows its cells.
fn estimate(
    search: &mut Search,
    entry: &str,
    path: &str,
    label: &str,
    companion: bool,
    curve: Option<crate::battery::Curve>,
) {
    let Some(curve) = curve.filter(|_| companion && search.wants(Role::CompanionBattery)) else {
        return;
    };
    let source = format!("{path}/voltage_now");
    let decode = Decode::Charge { per: 1e6, curve };
    let draft = Draft::new(
        format!("power:{entry}:estimate"),
        Quantity::Percent,
        Role::CompanionBattery,
        decode,
    )
    .label(format!("{label}, charge estimated from voltage"))
    .subject(entry)
    .estimated();
    search.add(
        source,
        format!("power {entry} estimate"),
        BATTERY_MS,
        vec![draft],
    );
}
