//! What a board is known to have, written down as data.
//!
//! A profile only *adds* to what the kernel shows: names, meanings, limits, and
//! sources that cannot be found by looking. A board without one still has all
//! its sensors. The format is strict, because a misspelt key that is silently
//! ignored looks exactly like a broken sensor in the field.
//!
//! One TOML file a board in `boards/profiles/`, one a UPS HAT in
//! `boards/profiles/hats/`; a user's own go into a directory of the same shape.

mod load;

use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use crate::battery::Curve;
use crate::quantity::Role;

pub use load::{ProfileError, Profiles};

/// A board.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Short and stable: `raspberry-pi-4b`.
    pub id: Id,
    /// For people.
    pub name: String,
    /// What has to be seen to choose this profile.
    #[serde(rename = "match")]
    pub matches: Matches,
    /// Temperatures.
    #[serde(default)]
    pub thermal: Thermal,
    /// Meanings of hardware-monitor channels.
    #[serde(default, rename = "sensor")]
    pub sensors: Vec<Channel>,
    /// A file with the firmware's throttle word.
    pub throttling: Option<Throttling>,
    /// The hardware watchdog.
    pub watchdog: Option<Watchdog>,
    /// Serial ports a bridge can be wired to.
    #[serde(default, rename = "uart")]
    pub uarts: Vec<Uart>,
    /// The fan, if there is a header for one.
    pub fan: Option<Fan>,
    /// Lights that can be driven.
    #[serde(default, rename = "led")]
    pub leds: Vec<Led>,
    /// How the board is fed.
    pub power: Option<Power>,
    /// Where the reason of the last reset is told.
    #[serde(default, rename = "reset")]
    pub resets: Vec<Reset>,
    /// What a person should know about this board.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What identifies a board. One hit in any list is enough; `compatible` is
/// stronger than `model`, that than DMI, and `architecture` is the last resort.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matches {
    /// Device-tree `compatible` strings, in full.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// Beginnings of the device-tree `model`.
    #[serde(default)]
    pub model: Vec<String>,
    /// Beginnings of `VENDOR PRODUCT` from DMI.
    #[serde(default)]
    pub dmi: Vec<String>,
    /// Architectures as the kernel names them (`aarch64`); `any` for all.
    #[serde(default)]
    pub architecture: Vec<String>,
}

/// Temperatures.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thermal {
    /// Zone types that stand for the whole board, best first.
    #[serde(default)]
    pub soc_zones: Vec<String>,
    /// Zone types that are no measurement (a constant, a power-gated block).
    #[serde(default)]
    pub ignored_zones: Vec<String>,
    /// Where the firmware begins to slow the board down, °C.
    pub throttle_c: Option<f64>,
    /// Where it is switched off or damaged, °C.
    pub critical_c: Option<f64>,
}

/// The meaning of one channel of a hardware monitor. One that fits two chips is
/// refused: `address` or `device` says which is meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The chip's `name` in hwmon, or an IIO device's.
    pub chip: String,
    /// The channel: `in1`, `temp1`, `in0_lcrit_alarm`. Without it the driver's own
    /// `label` says which is meant; without both, with `ignore`, the whole chip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Of two equal chips the one at this I²C address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<DeviceAddress>,
    /// The one of this device: its node of the device tree, its USB path or PCI slot, its
    /// 1-wire number, or the end of its path under `/sys/devices`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// For people; without `channel`, what the driver calls the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Multiplies the value (a voltage divider before an ADC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// It is a battery's voltage: charge by it, marked as estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<Curve>,
    /// It is the voltage of so many lithium cells in series, of which no curve is known:
    /// charge by a typical one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<NonZeroU8>,
    /// Not connected on this board: leave it out.
    #[serde(default)]
    pub ignore: bool,
}

impl Channel {
    /// What is wrong with it that a single key does not show.
    ///
    /// # Errors
    /// It means every channel of a chip and gives all of them one meaning, or a factor
    /// that is no number.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.channel.is_none() && self.label.is_none() && !self.ignore {
            return Err(
                "[[sensor]] needs `channel`, or the driver's `label` of it; only `ignore = true` may mean the whole chip",
            );
        }
        if self.cells.is_some() && self.charge.is_some() {
            return Err(
                "either `charge` with its own `cells`, or `cells` alone for a typical curve",
            );
        }
        if self.factor.is_some_and(|factor| !factor.is_finite()) {
            return Err("`factor` is a number");
        }
        Ok(())
    }
}

/// What a user says of a board beside its profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Meanings of channels; they count before the profile's.
    pub sensors: Vec<Channel>,
    /// Names of sensors that are left out, as the report shows them; a `*` at the end
    /// stands for whatever follows.
    pub ignored: Vec<String>,
}

impl Words {
    /// Whether a sensor of that name is left out.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.ignored.iter().any(|ignored| fits(ignored, name))
    }
}

/// Whether a name is meant by a pattern.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// The Raspberry Pi firmware's throttle word.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttling {
    /// The file, hexadecimal.
    pub word: TreePath,
}

/// The hardware watchdog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watchdog {
    /// The device systemd should feed.
    pub device: TreePath,
    /// The longest time-out the hardware can do, s.
    pub max_timeout_s: Option<u32>,
}

/// A serial port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uart {
    /// For people: the header pins.
    pub name: String,
    /// The device.
    pub device: TreePath,
}

/// A fan header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fan {
    /// The hwmon chip that drives it.
    pub chip: String,
    /// For people.
    pub name: String,
}

/// A light.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Led {
    /// For people.
    pub name: String,
    /// Its directory under `/sys/class/leds`.
    pub path: TreePath,
}

/// How the board is fed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// For people: connector, voltage, current.
    pub input: String,
    /// Nominal input voltage, V.
    pub nominal_v: f64,
    /// Where the board reports undervoltage, V.
    pub undervoltage_v: Option<f64>,
}

/// Where the reason of the last reset is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The file.
    pub path: TreePath,
    /// What is in it.
    pub format: ResetFormat,
}

/// What a reset file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetFormat {
    /// A sentence.
    Text,
    /// Raspberry Pi `PM_RSTS`, a big-endian device-tree cell.
    PmRsts,
    /// Raspberry Pi 5 power-management chip, a big-endian device-tree cell.
    PmicReset,
}

/// A UPS HAT or any other battery board: a gauge or a voltage monitor on I²C.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hat {
    /// Short and stable.
    pub id: Id,
    /// For people.
    pub name: String,
    /// What has to be seen.
    #[serde(rename = "match")]
    pub matches: HatMatch,
    /// Channel with the battery's voltage (`in1`), for a voltage monitor.
    pub voltage: Option<String>,
    /// Channel with the battery's current (`curr1`).
    pub current: Option<String>,
    /// The sign the current has while the battery feeds the board.
    pub discharging: Option<Sign>,
    /// Charge by voltage, where no gauge counts it.
    pub charge: Option<Curve>,
    /// What a person should know, such as the overlay to enable.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The sign of a current; which one means what depends on how a shunt is wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Above zero.
    Positive,
    /// Below zero.
    Negative,
}

/// What identifies a HAT: these boards carry no identification of their own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HatMatch {
    /// hwmon chip name (`ina219`) or the name of a power supply.
    pub chip: String,
    /// I²C address, four hexadecimal digits as the kernel writes them (`0043`).
    pub address: Address,
    /// Where two have that address: the device that is meant, as in `[[sensor]]`.
    pub device: Option<String>,
}

/// A short, stable identifier: lower-case letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// An absolute path of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TreePath(String);

/// An I²C address as the kernel writes it in a device name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(String);

/// An I²C address, alone or with its bus: `0040`, `1-0040`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceAddress(String);

macro_rules! checked_text {
    ($name:ident, $valid:expr, $message:literal) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok($name(text))
                } else {
                    Err($message)
                }
            }
        }

        impl From<$name> for String {
            fn from(checked: $name) -> String {
                checked.0
            }
        }
    };
}

checked_text!(
    Id,
    |t| !t.is_empty()
        && t.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
    "an id is lower-case letters, digits and dashes"
);
checked_text!(
    TreePath,
    |t| t.starts_with('/') && !t.split('/').any(|part| part == ".."),
    "a path begins with `/` and has no `..`"
);
checked_text!(
    Address,
    |t| t.len() == 4
        && t.bytes()
            .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()),
    "an I2C address is four lower-case hexadecimal digits, such as \"0043\""
);
checked_text!(
    DeviceAddress,
    |t| {
        let (bus, address) = t.split_once('-').unwrap_or(("0", t));
        let is_bus = !bus.is_empty() && bus.bytes().all(|b| b.is_ascii_digit());
        is_bus && Address::try_from(address.to_owned()).is_ok()
    },
    "an address is an I2C address, \"0043\", or one with its bus, \"1-0043\""
);
