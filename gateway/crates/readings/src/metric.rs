//! The closed list of metrics: names, units, plausible ranges.

use std::fmt;

/// Units of metrics, by their conventional symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 0–100 %.
    Percent,
    /// Degrees Celsius.
    Celsius,
    /// Centimetres.
    Centimetre,
    /// Metres.
    Metre,
    /// Seconds.
    Second,
    /// Volts.
    Volt,
    /// Amperes.
    Ampere,
    /// Watts.
    Watt,
    /// Decibel-milliwatts.
    DecibelMilliwatt,
    /// Megahertz.
    Megahertz,
    /// Revolutions per minute.
    Rpm,
    /// 0 or 1.
    Flag,
    /// A plain count.
    Count,
    /// Centimetres per second.
    CentimetrePerSecond,
}

impl Unit {
    /// The symbol shown to people.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::Percent => "%",
            Unit::Celsius => "°C",
            Unit::Centimetre => "cm",
            Unit::Metre => "m",
            Unit::Second => "s",
            Unit::Volt => "V",
            Unit::Ampere => "A",
            Unit::Watt => "W",
            Unit::DecibelMilliwatt => "dBm",
            Unit::Megahertz => "MHz",
            Unit::Rpm => "rpm",
            Unit::Flag | Unit::Count => "",
            Unit::CentimetrePerSecond => "cm/s",
        }
    }
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $unit:ident, $low:expr, $high:expr;)+) => {
        /// What can be measured. The names are part of the API and of rules.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Metric { $($(#[$doc])* $variant,)+ }

        impl Metric {
            /// Every metric, in declaration order.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant,)+];

            /// Every name, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];

            /// The name used in rules, the API and metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Metric::$variant => $name,)+ }
            }

            /// The unit of every value of this metric.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Metric::$variant => Unit::$unit,)+ }
            }

            /// Inclusive range outside which a value is a fault of the sensor.
            #[must_use]
            pub const fn plausible(self) -> (f64, f64) {
                match self { $(Metric::$variant => ($low, $high),)+ }
            }
        }
    };
}

metrics! {
    /// Processor use of the board.
    CpuUsage = "cpu_usage", Percent, 0.0, 100.0;
    /// Memory use of the board.
    MemoryUsage = "memory_usage", Percent, 0.0, 100.0;
    /// Use of the root file system.
    DiskUsage = "disk_usage", Percent, 0.0, 100.0;
    /// Hottest board (SoC) temperature.
    Temperature = "temperature", Celsius, -40.0, 150.0;
    /// Battery of a drone, or of the board's UPS.
    BatteryLevel = "battery_level", Percent, 0.0, 100.0;
    /// Highest main-board temperature of a drone (`temph`), never the battery's.
    DroneTemperature = "drone_temperature", Celsius, -40.0, 150.0;
    /// Lowest main-board temperature of a drone (`templ`).
    DroneTemperatureLow = "drone_temperature_low", Celsius, -40.0, 150.0;
    /// Height over the take-off point; drifts, may be negative.
    Height = "height", Centimetre, -10_000.0, 100_000.0;
    /// Distance to the floor by the time-of-flight sensor.
    FloorDistance = "floor_distance", Centimetre, 0.0, 1_000.0;
    /// Barometric altitude.
    BarometricAltitude = "barometric_altitude", Metre, -1_000.0, 10_000.0;
    /// Motor time of a drone.
    FlightTime = "flight_time", Second, 0.0, 1_000_000.0;
    /// Ground speed of a drone.
    Speed = "speed", CentimetrePerSecond, 0.0, 10_000.0;
    /// State datagrams of a drone in the last second.
    StateRate = "state_rate", Count, 0.0, 10_000.0;
    /// Seconds since the last state datagram of a drone that should stream.
    StateAge = "state_age", Second, 0.0, 1.0e9;
    /// Supply or battery voltage.
    Voltage = "voltage", Volt, -100.0, 100.0;
    /// Current; negative is discharging.
    Current = "current", Ampere, -100.0, 100.0;
    /// Power.
    Power = "power", Watt, -1_000.0, 1_000.0;
    /// 1 while the board's supply is under its limit.
    Undervoltage = "undervoltage", Flag, 0.0, 1.0;
    /// 1 while the board is throttled.
    Throttled = "throttled", Flag, 0.0, 1.0;
    /// Wear of the boot medium, percent of its rated life.
    StorageWear = "storage_wear", Percent, 0.0, 110.0;
    /// Wi-Fi signal of the drone interface.
    WifiSignal = "wifi_signal", DecibelMilliwatt, -120.0, 0.0;
    /// 1 while the wall clock is synchronised.
    ClockSynchronised = "clock_synchronised", Flag, 0.0, 1.0;
    /// Processor frequency.
    CpuFrequency = "cpu_frequency", Megahertz, 0.0, 20_000.0;
    /// Fan speed.
    FanSpeed = "fan_speed", Rpm, 0.0, 100_000.0;
    /// Temperature at a bridge's sensor.
    BridgeTemperature = "bridge_temperature", Celsius, -80.0, 500.0;
    /// Relative humidity at a bridge's sensor.
    Humidity = "humidity", Percent, 0.0, 100.0;
    /// 1 while an emergency stop is pressed.
    EmergencyStop = "emergency_stop", Flag, 0.0, 1.0;
    /// A bridge sensor of no listed kind, in its own unit.
    Generic = "generic", Count, -1.0e12, 1.0e12;
    /// 1 while the board runs from its battery.
    OnBattery = "on_battery", Flag, 0.0, 1.0;
    /// 1 while the board has external power.
    ExternalPower = "external_power", Flag, 0.0, 1.0;
    /// Reserved blocks of the boot medium: 1 normal, 2 at 80 % used, 3 at 90 % used.
    StorageReserve = "storage_reserve", Count, 0.0, 3.0;
    /// 0 while a wireless interface that was up is down.
    WifiLink = "wifi_link", Flag, 0.0, 1.0;
    /// Highest processor frequency allowed now.
    CpuFrequencyCap = "cpu_frequency_cap", Megahertz, 0.0, 20_000.0;
    /// Time until the board's battery is empty, by its gauge; a week, the most that is
    /// shown, while it is not being emptied.
    TimeToEmpty = "time_to_empty", Second, 0.0, 604_800.0;
    /// 1 while a hardware monitor of the board reports a crossed limit.
    SensorAlarm = "sensor_alarm", Flag, 0.0, 1.0;
    /// Number of the mission pad that a drone sees; absent when it sees none.
    MissionPad = "mission_pad", Count, 1.0, 8.0;
    /// How far a drone is along the arrow of the pad it sees.
    MissionPadX = "mission_pad_x", Centimetre, -1_000.0, 1_000.0;
    /// How far it is to the left of that arrow.
    MissionPadY = "mission_pad_y", Centimetre, -1_000.0, 1_000.0;
    /// Its height over the pad.
    MissionPadZ = "mission_pad_z", Centimetre, 0.0, 1_000.0;
}

/// How many metrics there are; sizes the tables indexed by metric.
pub const METRIC_COUNT: usize = Metric::ALL.len();

impl Metric {
    /// The metric of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Metric> {
        Metric::ALL
            .iter()
            .copied()
            .find(|metric| metric.name() == name)
    }

    /// Whether only drones report it: what a flight is, and how well it is heard. A battery
    /// or a radio the board may have, too.
    #[must_use]
    pub const fn is_of_drones_alone(self) -> bool {
        matches!(
            self,
            Metric::DroneTemperature
                | Metric::DroneTemperatureLow
                | Metric::Height
                | Metric::FloorDistance
                | Metric::BarometricAltitude
                | Metric::FlightTime
                | Metric::Speed
                | Metric::MissionPad
                | Metric::MissionPadX
                | Metric::MissionPadY
                | Metric::MissionPadZ
                | Metric::StateRate
                | Metric::StateAge
        )
    }

    /// Position in tables of [`METRIC_COUNT`] places.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for (index, metric) in Metric::ALL.iter().enumerate() {
            assert_eq!(metric.index(), index);
            assert_eq!(Metric::from_name(metric.name()), Some(*metric));
            let (low, high) = metric.plausible();
            assert!(low < high, "{metric}");
        }
        assert_eq!(Metric::from_name("CPU_USAGE"), None);
    }

    #[test]
    fn units_are_shown_by_their_symbols() {
        for (metric, symbol) in [
            (Metric::CpuUsage, "%"),
            (Metric::Temperature, "°C"),
            (Metric::Height, "cm"),
            (Metric::FanSpeed, "rpm"),
            (Metric::Undervoltage, ""),
        ] {
            assert_eq!(metric.unit().symbol(), symbol, "{metric}");
        }
        assert_eq!(Metric::Temperature.to_string(), "temperature");
    }

    #[test]
    fn a_board_has_a_battery_and_a_radio_and_flies_nowhere() {
        for metric in [Metric::Height, Metric::FlightTime, Metric::MissionPad] {
            assert!(metric.is_of_drones_alone(), "{metric}");
        }
        for metric in [Metric::BatteryLevel, Metric::WifiSignal, Metric::Voltage] {
            assert!(!metric.is_of_drones_alone(), "{metric}");
        }
    }
}
