//! The hardware watchdog (`Documentation/ABI/testing/sysfs-class-watchdog`),
//! and why the board was last reset.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::profile::ResetFormat;
use crate::quantity::{Quantity, Role};
use crate::rates::WATCHDOG_MS;

const CLASS: &str = "/sys/class/watchdog";

pub(super) fn look(search: &mut Search) {
    let watchdogs = search.tree.list(CLASS);
    if watchdogs.is_empty() {
        search.note("no hardware watchdog under /sys/class/watchdog");
    }
    for watchdog in watchdogs {
        look_at(search, &watchdog);
    }
    reset_by_profile(search);
}

fn look_at(search: &mut Search, watchdog: &str) {
    let path = format!("{CLASS}/{watchdog}");
    let text = |name: &str| search.tree.text(&format!("{path}/{name}"));
    let identity = text("identity").unwrap_or_else(|| "unnamed".to_owned());
    let timeout = text("timeout")
        .map(|s| format!(", time-out {s} s"))
        .unwrap_or_default();
    let status = text("bootstatus");
    search.fact(
        watchdog,
        format!("{identity}{timeout}"),
        format!("{path}/identity"),
    );
    if let Some(reason) = status.and_then(|bits| boot_status(bits.parse().ok()?)) {
        search.fact("last reset", reason, format!("{path}/bootstatus"));
    }
    let source = format!("{path}/state");
    if search.tree.exists(&source) {
        let draft = Draft::new(
            format!("watchdog:{watchdog}:active"),
            Quantity::Flag,
            Role::WatchdogActive,
            Decode::Word("active"),
        )
        .label(format!("{watchdog} is being fed"))
        .subject(watchdog);
        search.add(source.clone(), source, WATCHDOG_MS, vec![draft]);
    }
}

/// `WDIOF_*` of `linux/watchdog.h`; nothing set means nothing is known.
fn boot_status(bits: u32) -> Option<String> {
    const NAMES: [(u32, &str); 6] = [
        (0x01, "overheat"),
        (0x02, "fan failure"),
        (0x10, "supply undervoltage"),
        (0x20, "watchdog"),
        (0x40, "supply overvoltage"),
        (0x04, "external relay 1"),
    ];
    named_bits(bits, &NAMES)
}

fn named_bits(bits: u32, names: &[(u32, &str)]) -> Option<String> {
    let set: Vec<&str> = names
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| *name)
        .collect();
    (!set.is_empty()).then(|| set.join(", "))
}

fn reset_by_profile(search: &mut Search) {
    for reset in search.detected.profile.resets.clone() {
        let path = reset.path.as_str();
        let reason = match reset.format {
            ResetFormat::Text => search.tree.text(path),
            ResetFormat::PmRsts => cell(search, path).map(pm_rsts),
            ResetFormat::PmicReset => cell(search, path).and_then(pmic_reset),
        };
        if let Some(reason) = reason {
            search.fact("last reset", reason, path);
        }
    }
}

/// A device-tree cell is big-endian.
fn cell(search: &Search, path: &str) -> Option<u32> {
    let bytes = search.tree.read(path).ok()?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// Bits of `PM_RSTS` (`include/linux/mfd/bcm2835-pm.h`). Every other bit below
/// 12 is used by the firmware for the partition to boot, so only the odd ones
/// say something. Linux reboots a Raspberry Pi through the watchdog, so the two
/// cannot be told apart.
fn pm_rsts(bits: u32) -> String {
    const NAMES: [(u32, &str); 4] = [
        (0x1000, "power on"),
        (0x0200, "software"),
        (0x0020, "reboot or watchdog"),
        (0x0002, "debugger"),
    ];
    named_bits(bits, &NAMES).unwrap_or_else(|| format!("unknown ({bits:#06x})"))
}

/// The Raspberry Pi 5's power-management chip (`/chosen/power/power_reset` in
/// the device-tree documentation); 0 is a normal start.
fn pmic_reset(bits: u32) -> Option<String> {
    const NAMES: [(u32, &str); 5] = [
        (0x01, "supply overvoltage"),
        (0x02, "supply undervoltage"),
        (0x04, "over-temperature"),
        (0x08, "enable signal"),
        (0x10, "watchdog"),
    ];
    named_bits(bits, &NAMES).map(|names| format!("by the power chip: {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_reasons_are_named() {
        assert_eq!(pm_rsts(0x1000), "power on");
        assert_eq!(pm_rsts(0x20), "reboot or watchdog");
        // Partition 1 to boot next is no debugger.
        assert_eq!(pm_rsts(0x21), "reboot or watchdog");
        assert_eq!(pm_rsts(0), "unknown (0x0000)");
        assert_eq!(pmic_reset(0), None);
        assert_eq!(
            pmic_reset(0x12).as_deref(),
            Some("by the power chip: supply undervoltage, watchdog")
        );
        assert_eq!(boot_status(0x20).as_deref(), Some("watchdog"));
        assert_eq!(boot_status(0), None);
    }
}
