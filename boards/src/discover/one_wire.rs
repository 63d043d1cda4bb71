//! Thermometers on 1-wire that the kernel does not show as chips
//! (`Documentation/w1/slaves/w1_therm.rst`): kernels without `CONFIG_HWMON` there, and
//! those before 5.0.

use super::{Draft, Found, Search};
use crate::decode::Decode;
use crate::location::{Location, ONE_WIRE_BUS};
use crate::quantity::{Quantity, Role};
use crate::rates::{ONE_WIRE_MS, ONE_WIRE_TURN_MS};

const BUS: &str = "/sys/bus/w1/devices";

/// Families of thermometers: DS18S20, DS1822, DS18B20, DS1825, DS28EA00.
const FAMILIES: [&str; 5] = ["10-", "22-", "28-", "3b-", "42-"];

pub(super) fn look(search: &mut Search) {
    for device in search.tree.list(BUS) {
        let path = format!("{BUS}/{device}");
        let is_thermometer = FAMILIES.iter().any(|family| device.starts_with(family));
        // Otherwise it is among the chips.
        if !is_thermometer || search.tree.exists(&format!("{path}/hwmon")) {
            continue;
        }
        let as_number = format!("{path}/temperature");
        let (source, decode) = match search.tree.exists(&as_number) {
            true => (as_number, Decode::MILLI),
            false => (format!("{path}/w1_slave"), Decode::OneWire),
        };
        if !search.tree.exists(&source) || is_a_chip(search, &device) {
            continue;
        }
        // The address is the thermometer's serial number: it moves with it.
        let name = format!("w1:{device}:temp");
        let draft = Draft::new(
            name.clone(),
            Quantity::Temperature,
            Role::Temperature,
            decode,
        )
        .label(format!("1-wire thermometer {device}"))
        .subject(device.as_str());
        let (min, max) = range(&device);
        let draft = draft.range(min, max);
        search.bus = Some(ONE_WIRE_BUS.to_owned());
        search.add(source, name, ONE_WIRE_MS, vec![draft]);
        search.bus = None;
    }
}

/// What a thermometer can say, by its family: a wire without one reads 127.94 °C. (MAX31850,
/// of the family of the DS1825, reads a thermocouple.)
pub(super) fn range(device: &str) -> (f64, f64) {
    let all = Quantity::Temperature.plausible();
    match device.starts_with("3b-") {
        true => (all.min, all.max),
        false => (-55.0, 125.0),
    }
}

/// Thermometers that share the bus take turns: their values are older, the more there are.
pub(super) fn wait_for_turns(found: &mut [Found]) {
    let is_on_wire = |found: &Found| found.bus == ONE_WIRE_BUS;
    let count = found.iter().filter(|found| is_on_wire(found)).count() as u64;
    for found in found.iter_mut().filter(|found| is_on_wire(found)) {
        for (sensor, _) in &mut found.sensors {
            sensor.max_age_ms += count * ONE_WIRE_TURN_MS;
        }
    }
}

/// Whether a chip of hwmon is this device, on a tree that shows classes only.
fn is_a_chip(search: &Search, device: &str) -> bool {
    let class = "/sys/class/hwmon";
    search
        .tree
        .list(class)
        .iter()
        .any(|entry| Location::of(search.tree, &format!("{class}/{entry}")).device() == device)
}
