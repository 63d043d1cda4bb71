//! Batteries, chargers and UPS HATs with a gauge
//! (`Documentation/ABI/testing/sysfs-class-power`).

use super::{Draft, Search, hwmon};
use crate::decode::{Decode, Linear};
use crate::gate::GateKind;
use crate::profile::Hat;
use crate::quantity::{Quantity, Role};
use crate::rates::BATTERY_MS;

const CLASS: &str = "/sys/class/power_supply";

/// One file of a supply.
struct Attribute {
    file: &'static str,
    /// In the sensor's name and label.
    what: &'static str,
    /// Whether batteries have it, and whether chargers do.
    of: (bool, bool),
    quantity: Quantity,
    /// What it means of the battery the board runs from, and of any other supply.
    roles: (Role, Role),
    decode: Decode,
}

const fn attribute(
    (file, what): (&'static str, &'static str),
    of: (bool, bool),
    quantity: Quantity,
    roles: (Role, Role),
    decode: Decode,
) -> Attribute {
    Attribute {
        file,
        what,
        of,
        quantity,
        roles,
        decode,
    }
}

const BATTERY: (bool, bool) = (true, false);
const CHARGER: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

/// The files read, the charge first.
const ATTRIBUTES: [Attribute; 9] = [
    attribute(
        ("capacity", "charge"),
        BATTERY,
        Quantity::Percent,
        (Role::CompanionBattery, Role::Other),
        Decode::UNIT,
    ),
    attribute(
        ("voltage_now", "voltage"),
        BOTH,
        Quantity::Voltage,
        (Role::CompanionBatteryVoltage, Role::Voltage),
        Decode::MICRO,
    ),
    attribute(
        ("current_now", "current"),
        BOTH,
        Quantity::Current,
        (Role::CompanionBatteryCurrent, Role::Current),
        Decode::MICRO,
    ),
    attribute(
        ("power_now", "power"),
        BOTH,
        Quantity::Power,
        (Role::Power, Role::Power),
        Decode::MICRO,
    ),
    attribute(
        ("temp", "temperature"),
        BOTH,
        Quantity::Temperature,
        (Role::Temperature, Role::Temperature),
        // Tenths of a degree.
        Decode::per(10.0),
    ),
    attribute(
        ("status", "discharging"),
        BATTERY,
        Quantity::Flag,
        (Role::OnBattery, Role::Other),
        Decode::Word("Discharging"),
    ),
    attribute(
        ("capacity_level", "charge_low"),
        BATTERY,
        Quantity::Flag,
        (Role::Alarm, Role::Other),
        Decode::OneOf(&["Critical", "Low"]),
    ),
    attribute(
        ("health", "unhealthy"),
        BATTERY,
        Quantity::Flag,
        (Role::Alarm, Role::Other),
        Decode::NotWord("Good"),
    ),
    attribute(
        ("online", "connected"),
        CHARGER,
        Quantity::Flag,
        (Role::ExternalPower, Role::ExternalPower),
        Decode::NonZero,
    ),
];

/// One supply.
struct Supply {
    entry: String,
    path: String,
    /// The device behind it, such as `1-0036`.
    device: String,
    label: String,
    battery: bool,
    /// A battery the board runs from.
    companion: bool,
    /// It supplies a mouse or a pen, not the board.
    of_device: bool,
    hat: Option<Hat>,
}

pub(super) fn look(search: &mut Search) {
    for entry in search.tree.list(CLASS) {
        let supply = open(search, entry);
        if let Some(hat) = &supply.hat {
            search.result.hats.push(hat.name.clone());
        }
        for attribute in &ATTRIBUTES {
            add(search, &supply, attribute);
        }
        share(search, &supply);
        estimate(search, &supply);
    }
}

fn open(search: &Search, entry: String) -> Supply {
    let path = format!("{CLASS}/{entry}");
    let text = |name: &str| search.tree.text(&format!("{path}/{name}"));
    let battery = matches!(text("type").as_deref(), Some("Battery" | "UPS"));
    // A wireless mouse's battery is a power supply too; its scope is `Device`.
    let of_device = text("scope").as_deref() == Some("Device");
    let companion = battery && !of_device;
    let device = search
        .tree
        .link_name(&format!("{path}/device"))
        .unwrap_or_default();
    let hat = if companion {
        hwmon::hat_of(search, &entry, &device)
    } else {
        None
    };
    let maker = [text("manufacturer"), text("model_name")];
    let maker = maker.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let label = match &hat {
        Some(hat) => hat.name.clone(),
        None if maker.is_empty() => entry.clone(),
        None => maker,
    };
    Supply {
        entry,
        path,
        device,
        label,
        battery,
        companion,
        of_device,
        hat,
    }
}

fn add(search: &mut Search, supply: &Supply, attribute: &Attribute) {
    let (of_battery, of_charger) = attribute.of;
    let expected = if supply.battery {
        of_battery
    } else {
        of_charger
    };
    let source = format!("{}/{}", supply.path, attribute.file);
    if !expected || !search.tree.exists(&source) {
        return;
    }
    let (meant, otherwise) = attribute.roles;
    let role = match (supply.companion, supply.of_device) {
        (true, _) => meant,
        // The charger of a mouse is no supply of the board.
        (false, true) if otherwise == Role::ExternalPower => Role::Other,
        (false, _) => otherwise,
    };
    let name = format!("power:{}:{}", supply.entry, attribute.what);
    let draft = Draft::new(name, attribute.quantity, role, attribute.decode.clone())
        .label(format!("{}, {}", supply.label, attribute.what))
        .subject(supply.entry.as_str());
    // A board with two batteries runs from both, and either may be the one that fails.
    let mut draft = if supply.companion {
        draft.beside()
    } else {
        draft
    };
    if draft.quantity == Quantity::Voltage {
        // Some drivers write an error number where no battery is: -1 µV.
        draft.range.min = 0.0;
    }
    let identity = format!(
        "power {} {} {}",
        supply.entry, supply.device, attribute.file
    );
    let gated = (source, supply.present(), GateKind::Present);
    search.add_gated(gated, identity, BATTERY_MS, vec![draft]);
}

impl Supply {
    /// The file that says whether a battery is inserted.
    fn present(&self) -> String {
        format!("{}/present", self.path)
    }
}

/// A gauge that counts energy or charge and leaves the division to its reader.
fn share(search: &mut Search, supply: &Supply) {
    if !supply.battery || search.tree.exists(&format!("{}/capacity", supply.path)) {
        return;
    }
    for what in ["energy", "charge"] {
        let source = format!("{}/{what}_now", supply.path);
        let number = |file: &str| {
            let path = format!("{}/{what}_{file}", supply.path);
            search.tree.number(&path).filter(|full| *full > 0.0)
        };
        let Some(full) = number("full").or_else(|| number("full_design")) else {
            continue;
        };
        if !search.tree.exists(&source) {
            continue;
        }
        let linear = Linear {
            offset: 0.0,
            factor: 100.0,
            per: full,
        };
        let name = format!("power:{}:charge", supply.entry);
        let role = if supply.companion {
            Role::CompanionBattery
        } else {
            Role::Other
        };
        let mut draft = Draft::new(name, Quantity::Percent, role, Decode::Scaled(linear))
            .label(format!("{}, charge", supply.label))
            .subject(supply.entry.as_str());
        draft.beside = supply.companion;
        let identity = format!("power {} {} {what}_now", supply.entry, supply.device);
        let gated = (source, supply.present(), GateKind::Present);
        return search.add_gated(gated, identity, BATTERY_MS, vec![draft]);
    }
}

/// A battery that only tells its voltage, with a profile that knows its cells.
fn estimate(search: &mut Search, supply: &Supply) {
    let curve = supply.hat.as_ref().and_then(|hat| hat.charge.clone());
    let (Some(curve), true) = (curve, search.wants(Role::CompanionBattery)) else {
        return;
    };
    let name = format!("power:{}:estimate", supply.entry);
    let draft = Draft::estimate(name, Linear::per(1e6), curve, &supply.label, &supply.entry);
    let source = format!("{}/voltage_now", supply.path);
    let identity = format!("power {} {} estimate", supply.entry, supply.device);
    let gated = (source, supply.present(), GateKind::Present);
    search.add_gated(gated, identity, BATTERY_MS, vec![draft]);
}
