//! A copy of what this crate looks at, as one text file a user can send.
//!
//! Only files named here are read; what could say whose board it is is left
//! out or replaced. The result opens again as a [`Tree`], so that whoever
//! receives it sees what the sender saw.

use std::io::{self, Write};

use serde::Serialize;

use crate::manifest::{self, Entries, Entry};
use crate::profile::Profiles;
use crate::redact::Redactor;
use crate::tree::Tree;

/// The most taken of one file: a page, as sysfs gives.
const MAX_BYTES: usize = 4096;

/// The same for `/proc/cpuinfo`, of which the end matters.
const MAX_CPUINFO_BYTES: usize = 16 * 1024;

/// Single files.
const FILES: [&str; 23] = [
    "/proc/device-tree/model",
    "/proc/device-tree/compatible",
    "/proc/device-tree/chosen/bootloader/boot-mode",
    "/proc/device-tree/chosen/bootloader/partition",
    "/proc/device-tree/chosen/power/max_current",
    "/proc/device-tree/chosen/power/usb_over_current_detected",
    "/proc/cpuinfo",
    "/proc/uptime",
    "/proc/net/wireless",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/arch",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/board_vendor",
    "/sys/class/dmi/id/board_name",
    "/sys/class/dmi/id/bios_version",
    "/sys/class/dmi/id/chassis_type",
    "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
    "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count",
    // Of old kernels, which have no policies.
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq",
    "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
    "/run/systemd/timesync/synchronized",
];

/// Class directories, and which files of each entry are taken (all when empty).
const CLASSES: [(&str, &[&str]); 10] = [
    ("/sys/class/thermal", &[]),
    ("/sys/class/hwmon", &[]),
    ("/sys/class/power_supply", &[]),
    (
        "/sys/class/watchdog",
        &[
            "identity",
            "state",
            "timeout",
            "bootstatus",
            "nowayout",
            "status",
        ],
    ),
    ("/sys/class/net", &["operstate", "carrier", "type"]),
    ("/sys/class/leds", &["brightness", "max_brightness"]),
    ("/sys/bus/iio/devices", &[]),
    (
        "/sys/bus/mmc/devices",
        &[
            "type",
            "name",
            "manfid",
            "oemid",
            "date",
            "fwrev",
            "hwrev",
            "life_time",
            "pre_eol_info",
        ],
    ),
    ("/sys/class/nvme", &["model", "firmware_rev", "state"]),
    ("/sys/devices/system/cpu/cpufreq", &[]),
];

/// Parts of file names that are never taken.
const NEVER: [&str; 6] = ["serial", "uuid", "address", "uevent", "asset", "cid"];

/// What a capture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CaptureSummary {
    /// Files, links and directories.
    pub entries: usize,
    /// Addresses, serial numbers and names replaced.
    pub replaced: usize,
    /// Files that could not be read, which the capture lists.
    pub unreadable: usize,
}

/// Writes a redacted capture of a tree.
///
/// # Errors
/// Only those of `out`; what cannot be read of the tree is listed in the capture.
pub fn capture(tree: &Tree, out: &mut dyn Write) -> io::Result<CaptureSummary> {
    let host = tree
        .text("/proc/sys/kernel/hostname")
        .or_else(|| tree.text("/etc/hostname"));
    let mut taking = Taking {
        tree,
        redactor: Redactor::new(host),
        entries: Entries::new(),
        unreadable: Vec::new(),
    };
    taking.files();
    for (class, files) in CLASSES {
        taking.class(class, files);
    }
    if tree.exists("/run/systemd/timesync") {
        taking.put("/run/systemd/timesync", Entry::Directory);
    }
    let mut remarks = vec![
        "Made by a user to report a board. Hardware addresses, serial numbers and host names"
            .to_owned(),
        "are left out or replaced; read it through before sending it.".to_owned(),
    ];
    remarks.extend(
        taking
            .unreadable
            .iter()
            .map(|line| format!("unreadable: {line}")),
    );
    out.write_all(manifest::render(&taking.entries, &remarks).as_bytes())?;
    Ok(CaptureSummary {
        entries: taking.entries.len(),
        replaced: taking.redactor.replaced,
        unreadable: taking.unreadable.len(),
    })
}

struct Taking<'a> {
    tree: &'a Tree,
    redactor: Redactor,
    entries: Entries,
    unreadable: Vec<String>,
}

impl Taking<'_> {
    fn files(&mut self) {
        for path in FILES {
            self.file(path);
        }
        // Files only profiles know of, whichever board this is.
        for profile in Profiles::embedded().boards() {
            let words = profile.throttling.iter().map(|t| &t.word);
            for path in words.chain(profile.resets.iter().map(|r| &r.path)) {
                self.file(path.as_str());
            }
        }
    }

    fn class(&mut self, class: &str, files: &[&str]) {
        for entry in self.tree.list(class) {
            let path = format!("{class}/{entry}");
            let names = if files.is_empty() {
                self.tree.list(&path)
            } else {
                files.iter().map(|f| (*f).to_owned()).collect()
            };
            for name in names {
                self.file(&format!("{path}/{name}"));
            }
            self.device_link(&path);
            // That an interface is a radio is told by a directory or a link.
            let radio = ["wireless", "phy80211"]
                .map(|name| format!("{path}/{name}"))
                .iter()
                .any(|name| self.tree.exists(name) || self.tree.link_target(name).is_some());
            if class == "/sys/class/net" && radio {
                self.put(&format!("{path}/wireless"), Entry::Directory);
            }
        }
    }

    /// Where the class entry's device is, and its node of the device tree: sensors are
    /// named by them. The links need not lead anywhere in the capture.
    fn device_link(&mut self, path: &str) {
        let link = |name: &str| {
            let link = format!("{path}/{name}");
            self.tree
                .real(&link)
                .or_else(|| self.tree.link_target(&link))
        };
        // An entry of the I/O bus is a link itself, into its device.
        let entry = || {
            let device = self.tree.real(path)?.parent()?.to_owned();
            device.starts_with("/sys/devices").then_some(device)
        };
        let device = match path.starts_with("/sys/bus") {
            true => link("device").or_else(entry),
            false => link("device"),
        };
        let node = link("of_node").or_else(|| link("device/of_node"));
        for (name, target) in [("device", device), ("of_node", node)] {
            if let Some(target) = target {
                let target = self.redactor.text(&target.display().to_string());
                self.put(&format!("{path}/{name}"), Entry::Link(target));
            }
        }
    }

    fn file(&mut self, path: &str) {
        let name = path.rsplit('/').next().unwrap_or_default();
        if NEVER.iter().any(|part| name.contains(part)) || !self.is_file(path) {
            return;
        }
        let limit = if path == "/proc/cpuinfo" {
            MAX_CPUINFO_BYTES
        } else {
            MAX_BYTES
        };
        match self.tree.read(path) {
            Ok(mut bytes) => {
                bytes.truncate(limit);
                // A device tree is binary and holds nothing of the owner's but
                // the serial number, which is not in the list.
                let bytes = match path.starts_with("/proc/device-tree/") {
                    true => bytes,
                    false => self.redactor.bytes(bytes),
                };
                self.put(path, Entry::File(bytes));
            }
            Err(error) => {
                let line = self.redactor.text(&format!("{path}: {error}"));
                self.unreadable.push(line);
            }
        }
    }

    /// Links to directories, such as `subsystem`, lead round in circles.
    fn is_file(&self, path: &str) -> bool {
        self.tree.locate(path).is_ok_and(|real| real.is_file())
    }

    /// Paths are redacted too: interfaces and Bluetooth batteries are named by address.
    fn put(&mut self, path: &str, entry: Entry) {
        let path = self.redactor.text(path);
        self.entries.insert(path, entry);
    }
}
