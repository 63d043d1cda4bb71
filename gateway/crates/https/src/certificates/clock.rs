//! Whether something said what time it is.
//!
//! A board without a clock battery starts where its system image was made, or where it
//! was switched off: a plausible time, and not the time. A certificate that begins and
//! ends by it is over before it is first used, on a board that is unpacked years later.
//! Nothing here may change the clock or wait for it.

use std::path::Path;

use readings::clock;

use super::files::PLAUSIBLE_CLOCK_S;

/// Made by systemd-timesyncd once a time server has answered.
const TIMESYNCD: &str = "run/systemd/timesync/synchronized";

/// Whether the time of this host is known. A PC has a clock that its kernel starts from.
pub(super) fn is_known() -> bool {
    clock::is_confirmed() || !cfg!(target_arch = "aarch64") || is_told_in(Path::new("/"))
}

/// Whether the tree of a system shows that a time server or a clock with a battery
/// said it.
fn is_told_in(root: &Path) -> bool {
    let clocks = std::fs::read_dir(root.join("sys/class/rtc"));
    let mut clocks = clocks.into_iter().flatten().flatten();
    root.join(TIMESYNCD).exists() || clocks.any(|clock| is_source(&clock.path()))
}

/// Whether the kernel took its time from this clock, and that is not from before us: one
/// with a flat battery begins anew.
fn is_source(clock: &Path) -> bool {
    let number = |name| -> Option<i64> {
        let text = std::fs::read_to_string(clock.join(name)).ok()?;
        text.trim().parse().ok()
    };
    number("hctosys") == Some(1) && number("since_epoch") >= Some(PLAUSIBLE_CLOCK_S)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_clock_with_a_battery_or_a_time_server_tells_it() {
        let tree = tempfile::tempdir().expect("a folder");
        let root = tree.path();
        assert!(!is_told_in(root), "nothing did");

        let clock = root.join("sys/class/rtc/rtc0");
        fs::create_dir_all(&clock).expect("made");
        let put = |name: &str, text: &str| fs::write(clock.join(name), text).expect("written");
        put("since_epoch", "1795000000\n");
        put("hctosys", "0\n");
        assert!(!is_told_in(root), "the kernel did not ask it");
        put("hctosys", "1\n");
        assert!(is_told_in(root));
        put("since_epoch", "946684800\n");
        assert!(!is_told_in(root), "its battery is flat");

        let marker = root.join(TIMESYNCD);
        fs::create_dir_all(marker.parent().expect("a folder")).expect("made");
        fs::write(marker, "").expect("written");
        assert!(is_told_in(root));
    }
}
