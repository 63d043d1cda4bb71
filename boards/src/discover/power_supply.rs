//! Batteries, chargers and UPS HATs with a gauge
//! (`Documentation/ABI/testing/sysfs-class-power`).

mod attributes;
mod share;

use attributes::{ATTRIBUTES, Attribute};

use super::chip::Chip;
use super::hat::hat_of;
use super::{Draft, Search};
use crate::battery::{Curve, NO_CELL_V};
use crate::decode::{Decode, Linear};
use crate::gate::GateKind;
use crate::location::Location;
use crate::profile::Hat;
use crate::quantity::{Quantity, Role};
use crate::rates::BATTERY_MS;
use crate::tree::Tree;

const CLASS: &str = "/sys/class/power_supply";

/// Parts of the names of supplies that are outputs. Their class says `online` of them,
/// too, and no file of it tells which way the power goes.
const OUTPUTS: [&str; 3] = ["boost", "otg", "vbus-out"];

/// One supply.
struct Supply {
    entry: String,
    /// The same without a number that the kernel gave, and with where it is instead.
    qualified: String,
    location: Location,
    path: String,
    label: String,
    battery: bool,
    /// A battery the board runs from.
    companion: bool,
    /// It supplies a mouse or a pen, not the board.
    of_device: bool,
    /// It gives power out of the battery: a boost converter, a port that feeds others.
    is_output: bool,
    hat: Option<Hat>,
}

pub(super) fn look(search: &mut Search) {
    let entries = search.tree.list(CLASS);
    let mut supplies: Vec<Supply> = entries
        .into_iter()
        .map(|entry| open(search, entry))
        .collect();
    // Not by numbers that the kernel gave.
    supplies.sort_by(|a, b| a.qualified.cmp(&b.qualified));
    for supply in supplies {
        search.bus = supply.location.bus();
        if let Some(hat) = &supply.hat {
            search.result.hats.push(hat.name.clone());
        }
        for attribute in &ATTRIBUTES {
            add(search, &supply, attribute);
        }
        if !share::look(search, &supply) && !by_level(search, &supply) {
            estimate(search, &supply);
        }
    }
    search.bus = None;
}

/// Whether a chip of hwmon is a power supply, which the kernel shows a second time there.
/// The class tells more of it.
pub(super) fn shows(tree: &Tree, chip: &Chip) -> bool {
    // hwmon allows no dashes in names.
    let is_it =
        |entry: &String| *entry == chip.location.device() || entry.replace('-', "_") == chip.name;
    tree.list(CLASS).iter().any(is_it)
}

fn open(search: &Search, entry: String) -> Supply {
    let path = format!("{CLASS}/{entry}");
    let text = |name: &str| search.tree.text(&format!("{path}/{name}"));
    let battery = matches!(text("type").as_deref(), Some("Battery" | "UPS"));
    // A wireless mouse's battery is a power supply too; its scope is `Device`.
    let of_device = text("scope").as_deref() == Some("Device");
    let companion = battery && !of_device;
    let location = Location::of(search.tree, &path);
    let hat = if companion {
        hat_of(search, &entry, &location)
            .or_else(|| hat_of(search, stem(&entry, &location), &location))
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
    let qualified = qualified(&entry, &location, of_device, text);
    let is_output = OUTPUTS
        .iter()
        .any(|part| entry.to_ascii_lowercase().contains(part));
    Supply {
        is_output,
        entry,
        qualified,
        location,
        path,
        label,
        battery,
        companion,
        of_device,
        hat,
    }
}

/// The entry without what the kernel numbers: `bq27441-0`, `sbs-1-000b`,
/// `hidpp_battery_3`, `hid-0003:046D:C52B.0007-battery`.
fn stem<'a>(entry: &'a str, location: &Location) -> &'a str {
    let device = location.device();
    let of_hid = entry.strip_prefix("hid-");
    let of_hid = of_hid.and_then(|entry| entry.strip_suffix("-battery"));
    // A device without a number of its own is called by how many came before it.
    if of_hid.is_some_and(|id| id.contains(':') && id.contains('.')) {
        return "hid-battery";
    }
    if let Some(stem) = entry.strip_suffix(device).filter(|_| !device.is_empty())
        && let Some(stem) = stem.strip_suffix('-')
    {
        return stem;
    }
    match entry.rsplit_once(['-', '_']) {
        Some((stem, number)) if number.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => entry,
    }
}

/// What to call a supply for good. A mouse comes back under a higher number at each
/// connection: it is known by its serial number, of which only a digest is shown, or by
/// its model. A UPS may come back at another port: by its serial number, where it has one.
/// (A pack in a bay is not: its bay stays.)
fn qualified(
    entry: &str,
    location: &Location,
    of_device: bool,
    text: impl Fn(&str) -> Option<String>,
) -> String {
    let stem = stem(entry, location);
    if stem == entry {
        return entry.to_owned();
    }
    let serial = || text("serial_number").map(|serial| digest(&serial));
    let own = || {
        let model = text("model_name").map(|model| model.replace([' ', ':'], "-"));
        match (model, serial()) {
            (Some(model), Some(serial)) => Some(format!("{model}-{serial}")),
            (model, serial) => model.or(serial),
        }
    };
    let place = || location.bus().and_then(|_| location.key());
    let key = match of_device {
        true => own(),
        false if location.is_usb() => serial().or_else(place),
        false => place(),
    };
    key.map_or_else(|| entry.to_owned(), |key| format!("{stem}@{key}"))
}

/// Four hexadecimal digits that stand for a serial number (FNV-1a, folded): enough for
/// two mice of one model, too few to find the number.
fn digest(serial: &str) -> String {
    let hash = serial.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{:04x}", (hash >> 16) ^ (hash & 0xffff))
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
    // A mean is of some time ago: it is read where there is no value of now.
    let now = attribute.file.strip_suffix("_avg");
    if now.is_some_and(|what| search.tree.exists(&supply.file(&format!("{what}_now")))) {
        return;
    }
    let (meant, otherwise) = attribute.roles;
    let role = match (supply.companion, supply.of_device) {
        (true, _) => meant,
        // Neither the charger of a mouse nor what the battery feeds supplies the board.
        (false, of_device) if otherwise == Role::ExternalPower => {
            match of_device || supply.is_output {
                true => Role::Other,
                false => otherwise,
            }
        }
        (false, _) => otherwise,
    };
    let draft = supply
        .draft(
            attribute.what,
            attribute.quantity,
            role,
            attribute.decode.clone(),
        )
        .label(format!("{}, {}", supply.label, attribute.what));
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
    supply.add(search, attribute.file, draft);
}

impl Supply {
    fn draft(&self, what: &str, quantity: Quantity, role: Role, decode: Decode) -> Draft {
        Draft::new(
            format!("power:{}:{what}", self.qualified),
            quantity,
            role,
            decode,
        )
        .formerly(format!("power:{}:{what}", self.entry))
        .subject(self.entry.as_str())
    }

    /// The charge of the battery, or of somebody's mouse.
    fn charge(&self, what: &str, decode: Decode) -> Draft {
        let role = match self.companion {
            true => Role::CompanionBattery,
            false => Role::Other,
        };
        let mut draft = self.draft(what, Quantity::Percent, role, decode);
        draft.beside = self.companion;
        draft
    }

    fn file(&self, file: &str) -> String {
        format!("{}/{file}", self.path)
    }

    fn add(&self, search: &mut Search, file: &str, draft: Draft) {
        self.add_as(search, file, file, draft);
    }

    /// The same where another sensor is made of the file, too.
    fn add_as(&self, search: &mut Search, file: &str, identity: &str, draft: Draft) {
        let source = self.file(file);
        let is_charge = file == "capacity" || matches!(draft.decode, Decode::Share);
        let gated = (source.clone(), self.file("present"), GateKind::Present);
        search.add_gated(gated, self.identity(identity), BATTERY_MS, vec![draft]);
        if is_charge {
            let cells = GateKind::Cells(cells(search, self).unwrap_or(1));
            search.gate_last(&source, self.file("voltage_now"), cells);
            search.gate_last(&source, self.file("status"), GateKind::Full);
            if file == "capacity" {
                let instead = share::instead(search, self);
                let last = search.result.found.last_mut();
                if let Some(found) = last.filter(|found| found.source == source) {
                    found.instead = instead;
                }
            }
            for counted in share::counted(search, self, file) {
                search.gate_last(&source, counted, GateKind::Counted);
            }
        }
    }

    fn identity(&self, file: &str) -> String {
        format!("power {} {file}", self.qualified)
    }
}

/// A gauge that only says how full in words.
fn by_level(search: &mut Search, supply: &Supply) -> bool {
    let level = search.tree.text(&supply.file("capacity_level"));
    if level.is_none_or(|level| level == "Unknown") {
        return false;
    }
    let mut draft = supply
        .charge("level", Decode::Level)
        .label(format!("{}, charge by its level in words", supply.label));
    draft.estimated = true;
    // The same file says whether that is low.
    supply.add_as(search, "capacity_level", "level", draft);
    true
}

/// A battery that only tells its voltage: by the cells that a profile knows, or that its
/// own limits tell.
fn estimate(search: &mut Search, supply: &Supply) {
    let by_profile = supply.hat.as_ref().and_then(|hat| hat.charge.clone());
    let curve = by_profile.or_else(|| cells(search, supply).and_then(Curve::lithium));
    let Some(curve) = curve.filter(|_| search.tree.exists(&supply.file("voltage_now"))) else {
        return;
    };
    let name = |supply: &str| format!("power:{supply}:estimate");
    let mut draft = Draft::estimate(
        name(&supply.qualified),
        Linear::per(1e6),
        curve,
        &supply.label,
        &supply.entry,
    )
    .formerly(name(&supply.entry));
    draft.beside = supply.companion;
    if !supply.companion {
        draft.role = Role::Other;
    }
    supply.add_as(search, "voltage_now", "estimate", draft);
    if supply.hat.is_none() && !search.tree.exists(&supply.file("voltage_max_design")) {
        let volts = supply.file("voltage_now");
        search.gate_last(&volts, volts.clone(), GateKind::OneCell);
    }
}

/// Lithium cells in series: by the voltage the battery is made for, else one, if its
/// voltage is one cell's, or none is in its place yet.
fn cells(search: &Search, supply: &Supply) -> Option<u8> {
    let text = |file: &str| search.tree.text(&supply.file(file));
    let volts = |file: &str| Some(search.tree.number(&supply.file(file))? / 1e6);
    let is_lithium = text("technology")
        .is_none_or(|kind| ["Li-ion", "Li-poly", "Unknown"].contains(&kind.as_str()));
    if !is_lithium {
        return None;
    }
    match volts("voltage_max_design") {
        Some(full) => {
            let cells = (full / FULL_CELL_V).round();
            let is_full = cells >= 1.0 && (4.0..=4.45).contains(&(full / cells));
            is_full.then_some(cells as u8)
        }
        None => volts("voltage_now")
            .is_some_and(|now| (2.5..=4.45).contains(&now) || now < NO_CELL_V)
            .then_some(1),
    }
}

/// A lithium cell that is charged.
const FULL_CELL_V: f64 = 4.2;
