//! Where a device sits, in words that outlast its number.
//!
//! `hwmon3` and `iio:device0` say only who came first at this boot, `i2c-4` how many
//! busses came before. A device is known by what stays: its node of the device tree,
//! its bus and address, the way through the USB hubs, its place on PCI, the serial
//! number of a 1-wire chip. Two chips that change their numbers keep their names.
//!
//! It reads links only. Whether their targets exist does not matter: a captured tree
//! has none of them.

mod part;

use std::path::{Component, Path, PathBuf};

use crate::tree::Tree;
use part::{Part, classify, has_address, is_numbered};

/// Classes that stand between a device and its entry: `1-0040/hwmon/hwmon2`.
const CLASSES: [&str; 5] = ["hwmon", "power_supply", "thermal", "nvme", "rtc"];

/// Devices of which a system has one, with the chip's name that they bear.
const ONLY_ONE: [(&str, &str); 2] = [("rpi_volt", "raspberrypi-hwmon"), ("pwmfan", "cooling_fan")];

/// What every device on 1-wire shares.
pub(crate) const ONE_WIRE_BUS: &str = "w1";

/// The way to one device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Location {
    /// Devices from the outermost to it: `fe804000.i2c`, `i2c-1`, `1-0040`.
    path: Vec<String>,
    /// Its node below the root of the device tree: `soc/i2c@7e804000/ina219@40`.
    node: Option<String>,
}

impl Location {
    /// The device behind an entry of a class, such as `/sys/class/hwmon/hwmon2`.
    pub(crate) fn of(tree: &Tree, entry: &str) -> Self {
        let device = format!("{entry}/device");
        let candidates = [
            inside(tree.real(&device)),
            entry_path(tree, entry),
            tree.link_target(&device).map(|target| names(&target)),
        ];
        // The one that tells most; of equals the first.
        let path = candidates
            .into_iter()
            .flatten()
            .map(without_root)
            .reduce(|best, next| if next.len() > best.len() { next } else { best });
        let mut location = Location {
            path: path.unwrap_or_default(),
            node: None,
        };
        location.node = location.find_node(tree, entry);
        location
    }

    /// The link to the device-tree node, at the entry, its device, or the I2C bus.
    fn find_node(&self, tree: &Tree, entry: &str) -> Option<String> {
        let on_bus = format!("/sys/bus/i2c/devices/{}", self.device());
        [entry, &format!("{entry}/device"), &on_bus]
            .iter()
            .find_map(|at| tree.link_target(&format!("{at}/of_node")))
            .map(|target| {
                let all = names(&target);
                let base = all.iter().rposition(|name| name == "base");
                all[base.map_or(0, |at| at + 1)..].join("/")
            })
            .filter(|node| !node.is_empty())
    }

    /// The device's own name, `1-0040`; empty when nothing is behind the entry.
    pub(crate) fn device(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// What tells it from every other device for good; `None` where there is none.
    pub(crate) fn key(&self) -> Option<String> {
        let Some((at, part)) = self.nearest() else {
            return self.platform_key();
        };
        // A bridge to a bus of its own (the Raspberry Pi 5's RP1): of several parts behind
        // it each has an address in its name.
        if part == Part::Pci && self.path.last().is_some_and(|name| has_address(name)) {
            return self.platform_key();
        }
        let own = &self.path[at];
        Some(match part {
            Part::I2c => {
                let (number, address) = own.split_once('-')?;
                let bus = self.node_of_bus("i2c").or_else(|| {
                    self.controller_of(&format!("i2c-{number}"))
                        // Behind a multiplexer only the number is told.
                        .filter(|controller| !controller.starts_with("i2c-"))
                });
                format!("{}-{address}", bus.unwrap_or_else(|| number.to_owned()))
            }
            Part::Spi => {
                let (bus, select) = own.split_once('.')?;
                let lasting = self.node_of_bus("spi").or_else(|| self.controller_of(bus));
                format!("{}.{select}", lasting.unwrap_or_else(|| bus.to_owned()))
            }
            Part::Usb => self.usb_key(own)?,
            Part::Disk => self.disk_key(own),
            Part::Pci | Part::OneWire => own.clone(),
        })
    }

    fn usb_key(&self, own: &str) -> Option<String> {
        let (bus, ports) = own.split_once('-')?;
        Some(match self.controller_of(&format!("usb{bus}")) {
            Some(controller) => format!("{controller}-usb-{ports}"),
            None => format!("usb-{own}"),
        })
    }

    /// A disk by its port, on a controller of the board or at the end of a USB cable. The
    /// first number of its own name is that of its host, counted anew at each boot.
    fn disk_key(&self, own: &str) -> String {
        let outwards = || self.path.iter().rev();
        let port = outwards().find(|name| is_numbered(name, "ata"));
        let slot = || outwards().find(|name| classify(name) == Some(Part::Pci));
        if let Some(port) = port
            && let Some(controller) = slot().cloned().or_else(|| self.controller_of(port))
        {
            return format!("{controller}-{port}");
        }
        let place = outwards().find_map(|name| match classify(name)? {
            Part::Usb => self.usb_key(name),
            Part::Pci => Some(name.clone()),
            _ => None,
        });
        match (place, own.split_once(':')) {
            (Some(place), Some((_, "0:0:0"))) => place,
            // One of several in one enclosure: channel, target, unit.
            (Some(place), Some((_, unit))) => format!("{place}-{unit}"),
            _ => own.to_owned(),
        }
    }

    /// `chip`, with where it is when that says more: `ina219@1-0040`, `gpio_fan`.
    pub(crate) fn qualify(&self, chip: &str) -> String {
        match self.key() {
            Some(key) if !says_no_more(chip, &key) => format!("{chip}@{key}"),
            _ => chip.to_owned(),
        }
    }

    /// What is read one after the other and hangs together: a bus, or the device.
    pub(crate) fn bus(&self) -> Option<String> {
        let (at, part) = self.nearest()?;
        let own = &self.path[at];
        Some(match part {
            Part::I2c => format!("i2c-{}", own.split('-').next()?),
            Part::Spi => own.split('.').next()?.to_owned(),
            Part::OneWire => ONE_WIRE_BUS.to_owned(),
            Part::Usb | Part::Pci | Part::Disk => own.clone(),
        })
    }

    /// Whether it is the device that a profile means: by I2C address (`0040`, `1-0040`),
    /// and by any of its names, its node, or the end of its path.
    pub(crate) fn is_at(&self, address: Option<&str>, device: Option<&str>) -> bool {
        let by_address = address.is_none_or(|address| {
            self.path
                .iter()
                .filter(|name| classify(name) == Some(Part::I2c))
                .any(|name| name == address || name.rsplit('-').next() == Some(address))
        });
        let by_device = device.is_none_or(|device| {
            let device = device.trim_matches('/');
            let device = device.strip_prefix("sys/devices/").unwrap_or(device);
            let ends = |whole: &str| {
                whole
                    .strip_suffix(device)
                    .is_some_and(|before| before.is_empty() || before.ends_with('/'))
            };
            self.path.iter().any(|name| name == device)
                || self.key().is_some_and(|key| key == device)
                || self.node.as_deref().is_some_and(ends)
                || ends(&self.path.join("/"))
        });
        by_address && by_device
    }

    /// Whether it hangs from a USB port, and may hang from another one next time.
    pub(crate) fn is_usb(&self) -> bool {
        self.nearest().is_some_and(|(_, part)| part == Part::Usb)
    }

    /// The innermost part that a bus gave its place. An I2C chip's child (a converter in
    /// a power-management chip) is found by the chip.
    fn nearest(&self) -> Option<(usize, Part)> {
        let parts = self.path.iter().enumerate().rev();
        parts
            .filter_map(|(at, name)| Some((at, classify(name)?)))
            .next()
    }

    /// What the bus hangs from: the name before it on the way.
    fn controller_of(&self, bus: &str) -> Option<String> {
        let at = self.path.iter().position(|name| name == bus)?;
        let before = self.path[..at].iter().rev();
        // A class stands in between: `fe204000.spi/spi_master/spi0`.
        before
            .into_iter()
            .find(|name| !["spi_master", "mmc_host"].contains(&name.as_str()))
            .cloned()
    }

    /// Nodes from the bus's controller to the device's parent: `i2c@7e804000`.
    fn node_of_bus(&self, kind: &str) -> Option<String> {
        let parts: Vec<&str> = self.node.as_deref()?.split('/').collect();
        let (_, parents) = parts.split_last()?;
        let from = parents.iter().position(|name| name.starts_with(kind))?;
        Some(parents[from..].join("/"))
    }

    /// A device that no bus enumerates keeps its name, but for a number the kernel gave.
    fn platform_key(&self) -> Option<String> {
        let own = self.path.last()?;
        // A card's host is counted, its controller is not.
        if is_numbered(own, "mmc") {
            return self.controller_of(own);
        }
        let own = match own
            .strip_suffix(".auto")
            .and_then(|name| name.rsplit_once('.'))
        {
            Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => own,
        };
        Some(own.to_owned())
    }
}

/// `coretemp.0` says no more than `coretemp`; `coretemp.1` does.
fn says_no_more(chip: &str, key: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let (chip_plain, key_plain) = (plain(chip), plain(key.trim_end_matches(".0")));
    let key_plain = key_plain.strip_suffix("hwmon").unwrap_or(&key_plain);
    chip_plain == key_plain || ONLY_ONE.contains(&(chip, key))
}

/// The way to the entry itself, which is a link on a running system, without the entry
/// and its class.
fn entry_path(tree: &Tree, entry: &str) -> Option<Vec<String>> {
    let of_link = || tree.link_target(entry).map(|target| names(&target));
    let mut path = inside(tree.real(entry)).or_else(of_link)?;
    path.pop();
    if path
        .last()
        .is_some_and(|name| CLASSES.contains(&name.as_str()))
    {
        path.pop();
    }
    Some(path)
}

/// A real path, if it is one of a device and not of a class's own directory.
fn inside(real: Option<PathBuf>) -> Option<Vec<String>> {
    let path = names(&real?);
    let is_device = path
        .get(..2)
        .is_some_and(|start| start == ["sys", "devices"]);
    is_device.then_some(path)
}

/// Parts of a path, without what every path has. Nothing of what is only software.
fn without_root(mut path: Vec<String>) -> Vec<String> {
    if let Some(at) = path.iter().rposition(|name| name == "devices") {
        path.drain(..=at);
    }
    let of_class = |name: &String| {
        ["thermal_zone", "hwmon", "iio:device"]
            .iter()
            .any(|kind| is_numbered(name, kind))
    };
    if path.first().is_some_and(|name| name == "virtual") && !path.last().is_some_and(of_class) {
        path.clear();
    }
    path
}

fn names(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, node: Option<&str>) -> Location {
        Location {
            path: without_root(names(Path::new(path))),
            node: node.map(str::to_owned),
        }
    }

    fn key(path: &str, node: Option<&str>) -> Option<String> {
        at(path, node).key()
    }

    #[test]
    fn the_key_is_what_outlasts_the_number() {
        for (path, node, expected) in [
            ("1-0040", None, "1-0040"),
            // Bus 1 may be bus 3 at the next boot: its controller stays.
            (
                "/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0040",
                None,
                "fe804000.i2c-0040",
            ),
            (
                "/sys/devices/platform/soc/fe804000.i2c/i2c-3/3-0040",
                None,
                "fe804000.i2c-0040",
            ),
            (
                "7-0040",
                Some("soc/i2c@7e804000/ina219@40"),
                "i2c@7e804000-0040",
            ),
            (
                "9-0040",
                Some("soc/i2c@7e804000/mux@70/i2c@2/ina219@40"),
                "i2c@7e804000/mux@70/i2c@2-0040",
            ),
            (
                "/sys/devices/platform/fe804000.i2c/i2c-1/i2c-4/4-0040",
                None,
                "4-0040",
            ),
            (
                "/sys/devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.1",
                None,
                "fe204000.spi.1",
            ),
            ("spi0.1", Some("soc/spi@7e204000/adc@1"), "spi@7e204000.1"),
            (
                "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.0/0003:16C0:05DF.0007",
                None,
                "0000:00:14.0-usb-1.4:1.0",
            ),
            ("1-1.4:1.0", None, "usb-1-1.4:1.0"),
            (
                "/sys/devices/pci0000:00/0000:00:1d.0/0000:01:00.0/nvme/nvme7",
                None,
                "0000:01:00.0",
            ),
            (
                "/sys/devices/platform/axi/1000120000.pcie/pci0002:00/0002:01:00.0/1f000c8000.adc",
                None,
                "1f000c8000.adc",
            ),
            (
                "/sys/devices/w1_bus_master1/28-0316a2795cff",
                None,
                "28-0316a2795cff",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0",
                None,
                "0000:00:17.0-ata3",
            ),
            (
                "/sys/devices/platform/fc400000.sata/ata1/host0/target0:0:0/0:0:0:0",
                None,
                "fc400000.sata-ata1",
            ),
            // On a USB cable, and the second of two in one enclosure.
            (
                "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0",
                None,
                "0000:00:14.0-usb-1:1.0",
            ),
            (
                "/sys/devices/platform/xhci.0/usb1/1-2/1-2:1.0/host0/target0:0:0/0:0:0:1",
                None,
                "xhci.0-usb-2:1.0-0:0:1",
            ),
            (
                "/sys/devices/platform/soc/fe340000.mmc/mmc_host/mmc1",
                None,
                "fe340000.mmc",
            ),
            ("/sys/devices/platform/coretemp.1", None, "coretemp.1"),
            ("/sys/devices/platform/tempmon.4.auto", None, "tempmon"),
            // A converter in a power-management chip.
            (
                "/sys/devices/platform/x.i2c/i2c-0/0-0034/axp20x-adc",
                None,
                "x.i2c-0034",
            ),
        ] {
            assert_eq!(key(path, node).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(key("/sys/devices/virtual/hwmon", None), None);
    }

    #[test]
    fn a_name_says_where_only_when_that_says_more() {
        for (chip, path, expected) in [
            ("coretemp", "coretemp.0", "coretemp"),
            ("coretemp", "coretemp.1", "coretemp@coretemp.1"),
            ("gpio_fan", "gpio-fan", "gpio_fan"),
            ("thinkpad", "thinkpad_hwmon", "thinkpad"),
            ("rpi_volt", "raspberrypi-hwmon", "rpi_volt"),
            ("pwmfan", "fan-left", "pwmfan@fan-left"),
            ("ina219", "1-0040", "ina219@1-0040"),
        ] {
            assert_eq!(at(path, None).qualify(chip), expected);
        }
    }

    #[test]
    fn a_profile_means_a_device_by_any_lasting_name() {
        let chip = at(
            "/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0040",
            Some("soc/i2c@7e804000/ina219@40"),
        );
        for address in ["0040", "1-0040"] {
            assert!(chip.is_at(Some(address), None), "{address}");
        }
        assert!(!chip.is_at(Some("0041"), None));
        assert!(!chip.is_at(Some("2-0040"), None));
        for device in [
            "1-0040",
            "fe804000.i2c",
            "i2c@7e804000-0040",
            "ina219@40",
            "/soc/i2c@7e804000/ina219@40",
            "/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0040",
        ] {
            assert!(chip.is_at(None, Some(device)), "{device}");
        }
        assert!(!chip.is_at(None, Some("219@40")), "half a name");
        assert!(
            !chip.is_at(Some("0040"), Some("elsewhere")),
            "both must fit"
        );
        assert!(at("spi0.0", None).is_at(None, None));
    }
}
