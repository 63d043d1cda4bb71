//! The files of a supply that are read as they are.

use crate::decode::Decode;
use crate::quantity::{Quantity, Role};

/// One file of a supply.
pub(super) struct Attribute {
    pub(super) file: &'static str,
    /// In the sensor's name and label.
    pub(super) what: &'static str,
    /// Whether batteries have it, and whether chargers do.
    pub(super) of: (bool, bool),
    pub(super) quantity: Quantity,
    /// What it means of the battery the board runs from, and of any other supply.
    pub(super) roles: (Role, Role),
    pub(super) decode: Decode,
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
pub(super) const ATTRIBUTES: [Attribute; 17] = [
    attribute(
        ("capacity", "charge"),
        BATTERY,
        Quantity::Percent,
        (Role::CompanionBattery, Role::Other),
        Decode::Capacity,
    ),
    attribute(
        ("voltage_now", "voltage"),
        BOTH,
        Quantity::Voltage,
        (Role::CompanionBatteryVoltage, Role::Voltage),
        Decode::MICRO,
    ),
    attribute(
        ("voltage_avg", "voltage"),
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
        ("current_avg", "current"),
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
        ("power_avg", "power"),
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
        ("temp_ambient", "ambient_temperature"),
        BOTH,
        Quantity::Temperature,
        (Role::Temperature, Role::Temperature),
        Decode::per(10.0),
    ),
    attribute(
        // Of what it held when it was new.
        ("state_of_health", "capacity_of_new"),
        BATTERY,
        Quantity::Percent,
        (Role::Other, Role::Other),
        Decode::UNIT,
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
        Decode::Health,
    ),
    attribute(
        ("time_to_empty_avg", "time_to_empty"),
        BATTERY,
        Quantity::Duration,
        (Role::TimeToEmpty, Role::Other),
        Decode::UNIT,
    ),
    attribute(
        ("time_to_empty_now", "time_to_empty_now"),
        BATTERY,
        Quantity::Duration,
        (Role::TimeToEmpty, Role::Other),
        Decode::UNIT,
    ),
    attribute(
        ("cycle_count", "cycles"),
        BATTERY,
        Quantity::Count,
        (Role::Other, Role::Other),
        Decode::UNIT,
    ),
    attribute(
        ("online", "connected"),
        CHARGER,
        Quantity::Flag,
        (Role::ExternalPower, Role::ExternalPower),
        Decode::NonZero,
    ),
];
