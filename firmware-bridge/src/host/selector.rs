//! Which port a link means, by a name that survives replugging.
//!
//! `/dev/ttyACM0` is whichever board came first; a USB vendor and product id,
//! a serial number or a link under `/dev/serial/by-id` is *this* board.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;

use serialport::SerialPortType;

/// How the port is named in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortSelector {
    /// A device path, best one under `/dev/serial/by-id`.
    Path(PathBuf),
    /// USB vendor and product id, and the serial number when several alike are
    /// plugged in. Written `2e8a:000a` or `2e8a:000a:E661410403`.
    Usb {
        /// Vendor id.
        vendor: u16,
        /// Product id.
        product: u16,
        /// Serial number.
        serial: Option<String>,
    },
    /// A USB serial number. Written `serial:E661410403`.
    Serial(String),
}

/// A text that names no port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorError {
    text: String,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` names no serial port: write /dev/serial/by-id/…, VID:PID, VID:PID:SERIAL or serial:NUMBER",
            self.text
        )
    }
}

impl core::error::Error for SelectorError {}

impl FromStr for PortSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || SelectorError {
            text: text.to_string(),
        };
        if text.starts_with('/') {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        if let Some(serial) = text.strip_prefix("serial:") {
            return match serial {
                "" => Err(refused()),
                serial => Ok(Self::Serial(serial.to_string())),
            };
        }
        let mut parts = text.splitn(3, ':');
        let mut id = || parts.next().and_then(hex_id).ok_or_else(refused);
        Ok(Self::Usb {
            vendor: id()?,
            product: id()?,
            serial: match parts.next() {
                Some("") => return Err(refused()),
                serial => serial.map(ToString::to_string),
            },
        })
    }
}

impl fmt::Display for PortSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Usb {
                vendor,
                product,
                serial: None,
            } => write!(f, "{vendor:04x}:{product:04x}"),
            Self::Usb {
                vendor,
                product,
                serial: Some(serial),
            } => write!(f, "{vendor:04x}:{product:04x}:{serial}"),
            Self::Serial(serial) => write!(f, "serial:{serial}"),
        }
    }
}

impl PortSelector {
    /// The device path this selector means among `ports`; a path is itself.
    #[must_use]
    pub fn choose<'p>(&'p self, ports: &'p [FoundPort]) -> Option<&'p Path> {
        match self {
            Self::Path(path) => Some(path),
            selector => ports
                .iter()
                .find(|port| selector.means(port))
                .map(|port| port.path.as_path()),
        }
    }

    /// Looks at the machine's ports now.
    #[must_use]
    pub fn resolve(&self) -> Option<PathBuf> {
        self.resolve_all().into_iter().next()
    }

    /// Every port of this machine that the selector names: of two devices alike, only
    /// asking them tells which is the board.
    #[must_use]
    pub fn resolve_all(&self) -> Vec<PathBuf> {
        match self {
            // No need to list anything.
            Self::Path(path) => Vec::from([path.clone()]),
            _ => self.choose_all(&available_ports()),
        }
    }

    /// The device paths this selector means among `ports`, in their order.
    #[must_use]
    pub(crate) fn choose_all(&self, ports: &[FoundPort]) -> Vec<PathBuf> {
        let meant = ports.iter().filter(|port| self.means(port));
        meant.map(|port| port.path.clone()).collect()
    }

    fn means(&self, port: &FoundPort) -> bool {
        match self {
            Self::Path(path) => *path == port.path,
            Self::Usb {
                vendor,
                product,
                serial,
            } => {
                port.usb == Some((*vendor, *product))
                    && (serial.is_none() || *serial == port.serial)
            }
            Self::Serial(serial) => port.serial.as_ref() == Some(serial),
        }
    }
}

fn hex_id(text: &str) -> Option<u16> {
    // `from_str_radix` would take a sign.
    let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(text, 16).ok()).flatten()
}

/// A serial port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPort {
    /// Device path.
    pub path: PathBuf,
    /// USB vendor and product id.
    pub usb: Option<(u16, u16)>,
    /// USB serial number.
    pub serial: Option<String>,
    /// USB product name.
    pub product: Option<String>,
}

/// The machine's serial ports, sorted by path; empty where there are none.
#[must_use]
pub fn available_ports() -> Vec<FoundPort> {
    // serialport panics where sysfs is not mounted (some containers).
    if !Path::new("/sys/class/tty").is_dir() {
        return Vec::new();
    }
    let mut ports: Vec<FoundPort> = serialport::available_ports()
        .unwrap_or_default()
        .into_iter()
        .map(|port| {
            let usb = match port.port_type {
                SerialPortType::UsbPort(usb) => Some(usb),
                _ => None,
            };
            FoundPort {
                path: PathBuf::from(port.port_name),
                usb: usb.as_ref().map(|usb| (usb.vid, usb.pid)),
                serial: usb.as_ref().and_then(|usb| usb.serial_number.clone()),
                product: usb.and_then(|usb| usb.product),
            }
        })
        .collect();
    ports.sort_by(|one, other| one.path.cmp(&other.path));
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn names_survive_being_written_and_read() {
        for text in [
            "/dev/serial/by-id/usb-Raspberry_Pi_Pico_E661410403-if00",
            "2e8a:000a",
            "2e8a:000a:E661410403",
            "serial:E661410403",
        ] {
            let selector: PortSelector = text.parse().expect(text);
            assert_eq!(selector.to_string(), text);
        }
        for text in [
            "",
            "ttyACM0",
            "2e8a",
            "2e8a:",
            "+e8a:000a",
            "2e8a:000a:",
            "serial:",
            "12345:0001",
        ] {
            assert!(text.parse::<PortSelector>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_port_that_is_meant_is_found() {
        let selector: PortSelector = "2e8a:000a".parse().expect("a selector");
        let port = |path: &str, product| FoundPort {
            path: path.into(),
            usb: Some((0x2e8a, product)),
            serial: None,
            product: None,
        };
        let ports = [
            port("/dev/ttyACM0", 0x000a),
            port("/dev/ttyACM1", 0x0003),
            port("/dev/ttyACM2", 0x000a),
        ];
        let meant: Vec<PathBuf> = ["/dev/ttyACM0", "/dev/ttyACM2"].map(PathBuf::from).into();
        assert_eq!(selector.choose_all(&ports), meant);
    }

    #[test]
    fn the_serial_number_tells_two_alike_apart() {
        let pico = |path: &str, serial: &str| FoundPort {
            path: path.into(),
            usb: Some((0x2e8a, 0x000a)),
            serial: Some(serial.into()),
            product: None,
        };
        let uart = FoundPort {
            path: "/dev/ttyAMA0".into(),
            usb: None,
            serial: None,
            product: None,
        };
        let ports = vec![uart, pico("/dev/ttyACM0", "A"), pico("/dev/ttyACM1", "B")];
        let chosen = |text: &str| {
            let selector: PortSelector = text.parse().expect(text);
            selector.choose(&ports).map(Path::to_path_buf)
        };
        assert_eq!(chosen("2e8a:000a"), Some("/dev/ttyACM0".into()));
        assert_eq!(chosen("2e8a:000a:B"), Some("/dev/ttyACM1".into()));
        assert_eq!(chosen("serial:B"), Some("/dev/ttyACM1".into()));
        assert_eq!(chosen("serial:C"), None);
        assert_eq!(chosen("2e8a:000b"), None);
    }
}
