//! What a sensor measures, and what it means to the board.
//!
//! [`Quantity`] is physics: it fixes the unit and what is plausible. [`Role`]
//! is meaning: which of a dozen temperatures is *the* board temperature. A
//! caller maps roles to its own metrics and rules and never needs a path.

use serde::{Deserialize, Serialize};

/// What is measured; each has one unit, to which every source is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quantity {
    /// °C.
    Temperature,
    /// V.
    Voltage,
    /// A; negative while a battery discharges, where the driver tells.
    Current,
    /// W.
    Power,
    /// Counted since some start, J: what was used, not what is left in a battery.
    Energy,
    /// Part of a whole, in percent.
    Percent,
    /// Hz.
    Frequency,
    /// Revolutions a minute.
    FanSpeed,
    /// Received signal, dBm.
    Signal,
    /// Seconds.
    Duration,
    /// Of the air or of a liquid, Pa.
    Pressure,
    /// A number of things or events.
    Count,
    /// Yes (1) or no (0).
    Flag,
}

impl Quantity {
    /// The unit's symbol; empty for counts and flags.
    pub fn unit(self) -> &'static str {
        match self {
            Quantity::Temperature => "°C",
            Quantity::Voltage => "V",
            Quantity::Current => "A",
            Quantity::Power => "W",
            Quantity::Energy => "J",
            Quantity::Percent => "%",
            Quantity::Frequency => "Hz",
            Quantity::FanSpeed => "rpm",
            Quantity::Signal => "dBm",
            Quantity::Duration => "s",
            Quantity::Pressure => "Pa",
            Quantity::Count | Quantity::Flag => "",
        }
    }

    /// What a working sensor can say at all. A value outside is a fault of the
    /// sensor or its driver, never a reading: an unplugged thermistor reads
    /// −273 °C, a confused ADC the largest integer.
    pub fn plausible(self) -> Range {
        let (min, max) = match self {
            // Silicon stops working long before either end.
            Quantity::Temperature => (-60.0, 200.0),
            // Boards and their batteries; 60 V is the limit of a bench supply.
            Quantity::Voltage => (-60.0, 60.0),
            Quantity::Current => (-100.0, 100.0),
            Quantity::Power => (-1_000.0, 1_000.0),
            // A megawatt for a century.
            Quantity::Energy => (0.0, 3.2e15),
            // Fuel gauges overshoot (106 % was reported of a common UPS HAT).
            Quantity::Percent => (0.0, 120.0),
            Quantity::Frequency => (0.0, 20e9),
            Quantity::FanSpeed => (0.0, 60_000.0),
            // Thermal noise is at −101 dBm for 20 MHz; +30 dBm is the transmitter itself.
            Quantity::Signal => (-120.0, 30.0),
            // A century.
            Quantity::Duration => (0.0, 3.2e9),
            // No board works in a vacuum; 20 bar is a diver's 200 m.
            Quantity::Pressure => (100.0, 2e6),
            // Exactly representable integers.
            Quantity::Count => (0.0, 9_007_199_254_740_992.0),
            Quantity::Flag => (0.0, 1.0),
        };
        Range { min, max }
    }
}

/// A closed interval of plausible values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Range {
    /// Whether the value is inside; never true of NaN.
    pub fn contains(self, value: f64) -> bool {
        self.min <= value && value <= self.max
    }
}

/// What a sensor means to the board. Those marked *one* are held by one sensor
/// at most, so that a rule can be written against them; those of the battery by one
/// a battery, where the kernel shows several that the board runs from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// *One*: the temperature the board is judged by, °C.
    SocTemperature,
    /// One of the temperatures that a board is judged by which does not tell its
    /// processor's, °C.
    BoardTemperature,
    /// Some other temperature, °C.
    Temperature,
    /// *One*: the supply is too low now (flag).
    Undervoltage,
    /// The supply was too low at some time since boot (flag).
    UndervoltageSinceBoot,
    /// Speed is being reduced now, for heat or supply (flag).
    Throttled,
    /// Speed was reduced at some time since boot (flag).
    ThrottledSinceBoot,
    /// Times the processor slowed itself down since boot (count).
    ThrottleEvents,
    /// *One*: charge left in the battery the board runs from, %.
    CompanionBattery,
    /// *One*: voltage of that battery, V.
    CompanionBatteryVoltage,
    /// *One*: current of that battery, A.
    CompanionBatteryCurrent,
    /// *One*: the board runs from the battery, not from the mains (flag).
    OnBattery,
    /// Time until the battery the board runs from is empty, by its gauge, s.
    TimeToEmpty,
    /// External power is present (flag).
    ExternalPower,
    /// A supply or rail voltage, V.
    Voltage,
    /// A supply or rail current, A.
    Current,
    /// A supply or rail power, W.
    Power,
    /// *One*: share of the storage's rated life used, %.
    SdWear,
    /// *One*: reserved blocks of the storage: 1 normal, 2 at 80 % used, 3 at 90 % used.
    SdReserve,
    /// Received signal of a wireless interface, dBm.
    WifiSignal,
    /// Whether an interface is up and associated (flag).
    LinkUp,
    /// Beacons missed by a wireless interface since it came up (count).
    WifiMissedBeacons,
    /// *One*: the wall clock is disciplined by a time source (flag).
    ClockSynchronised,
    /// *One*: how wrong the wall clock may be at most, by the kernel's account, s.
    ClockMaxError,
    /// *One*: seconds since boot.
    Uptime,
    /// A hardware watchdog is being fed (flag).
    WatchdogActive,
    /// Processor clock now, Hz.
    CpuFrequency,
    /// Highest processor clock allowed now, Hz.
    CpuFrequencyCap,
    /// Fan speed, rpm.
    FanSpeed,
    /// Fan drive, %.
    FanDrive,
    /// A limit of a hardware monitor was crossed (flag).
    Alarm,
    /// A value without a meaning this crate knows, such as a spare ADC input.
    Other,
}

impl Role {
    /// Whether it is a temperature, of whatever.
    pub(crate) fn is_temperature(self) -> bool {
        use Role::{BoardTemperature, SocTemperature, Temperature};
        matches!(self, SocTemperature | BoardTemperature | Temperature)
    }

    /// Whether at most one sensor holds this role.
    pub fn is_single(self) -> bool {
        matches!(
            self,
            Role::SocTemperature
                | Role::Undervoltage
                | Role::CompanionBattery
                | Role::CompanionBatteryVoltage
                | Role::CompanionBatteryCurrent
                | Role::OnBattery
                | Role::SdWear
                | Role::SdReserve
                | Role::ClockSynchronised
                | Role::ClockMaxError
                | Role::Uptime
        )
    }

    /// What a sensor is called when it loses a single role to another one.
    pub(crate) fn demoted(self) -> Role {
        match self {
            Role::SocTemperature => Role::Temperature,
            Role::CompanionBatteryVoltage => Role::Voltage,
            Role::CompanionBatteryCurrent => Role::Current,
            Role::Undervoltage => Role::Alarm,
            other if other.is_single() => Role::Other,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUANTITIES: [(Quantity, &str, f64, f64); 13] = [
        (Quantity::Temperature, "°C", -60.0, 200.0),
        (Quantity::Voltage, "V", -60.0, 60.0),
        (Quantity::Current, "A", -100.0, 100.0),
        (Quantity::Power, "W", -1_000.0, 1_000.0),
        (Quantity::Energy, "J", 0.0, 3.2e15),
        (Quantity::Percent, "%", 0.0, 120.0),
        (Quantity::Frequency, "Hz", 0.0, 20e9),
        (Quantity::FanSpeed, "rpm", 0.0, 60_000.0),
        (Quantity::Signal, "dBm", -120.0, 30.0),
        (Quantity::Duration, "s", 0.0, 3.2e9),
        (Quantity::Pressure, "Pa", 100.0, 2e6),
        (Quantity::Count, "", 0.0, 9_007_199_254_740_992.0),
        (Quantity::Flag, "", 0.0, 1.0),
    ];

    #[test]
    fn what_a_working_sensor_can_say_includes_both_ends_and_nothing_beyond() {
        for (quantity, unit, min, max) in QUANTITIES {
            assert_eq!(quantity.unit(), unit);
            let range = quantity.plausible();
            assert!(range.contains(min) && range.contains(max), "{quantity:?}");
            for wrong in [min - 0.5, max + 2.0, f64::NAN] {
                assert!(!range.contains(wrong), "{quantity:?} of {wrong}");
            }
        }
    }

    #[test]
    fn who_loses_a_role_is_called_by_what_it_measures() {
        for (role, demoted) in [
            (Role::SocTemperature, Role::Temperature),
            (Role::CompanionBatteryVoltage, Role::Voltage),
            (Role::CompanionBatteryCurrent, Role::Current),
            (Role::Undervoltage, Role::Alarm),
            (Role::CompanionBattery, Role::Other),
            (Role::OnBattery, Role::Other),
            (Role::SdWear, Role::Other),
            (Role::SdReserve, Role::Other),
            (Role::ClockSynchronised, Role::Other),
            (Role::ClockMaxError, Role::Other),
            (Role::Uptime, Role::Other),
        ] {
            assert!(role.is_single() && role.demoted() == demoted, "{role:?}");
        }
        for several in [
            Role::Temperature,
            Role::BoardTemperature,
            Role::FanSpeed,
            Role::LinkUp,
            Role::Other,
        ] {
            assert!(
                !several.is_single() && several.demoted() == several,
                "{several:?}"
            );
        }
        let hot = [
            Role::SocTemperature,
            Role::BoardTemperature,
            Role::Temperature,
        ];
        assert!(hot.into_iter().all(Role::is_temperature));
        assert!(!Role::Voltage.is_temperature());
    }
}
