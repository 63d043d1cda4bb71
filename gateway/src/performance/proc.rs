//! The formats of `/proc`: text in, numbers out. Pure; allocates nothing.
//!
//! Formats: `man 5 proc`; `Documentation/admin-guide/iostats.rst` of the
//! kernel for `diskstats`. What does not parse is absent.

/// Bytes of a sector in `diskstats`, whatever the device's own.
const SECTOR_BYTES: u64 = 512;

/// Processor time in ticks since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuTime {
    pub(super) total: u64,
    pub(super) idle: u64,
}

impl CpuTime {
    /// Percent of the time since `earlier` that was not idle, one decimal.
    /// Idle time may step back by a tick (`man 5 proc`): never below zero.
    pub(super) fn busy_pct(self, earlier: CpuTime) -> Option<f64> {
        let total = self.total.saturating_sub(earlier.total);
        let idle = self.idle.saturating_sub(earlier.idle).min(total);
        (total > 0).then(|| one_decimal((total - idle) as f64 / total as f64 * 100.0))
    }
}

/// A percentage as it is shown.
pub(super) fn one_decimal(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// `part` of `whole` in percent, one decimal; 0 of nothing is 0.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        one_decimal(part as f64 / whole as f64 * 100.0)
    }
}

/// `stat`: calls `each` with the line's core (none: all of them) and its time.
pub(super) fn cpu_times(stat: &[u8], mut each: impl FnMut(Option<usize>, CpuTime)) {
    for line in lines(stat) {
        // The lines of the processor come first.
        let Some(rest) = line.strip_prefix(b"cpu") else {
            break;
        };
        let mut words = words(rest);
        let core = if rest.starts_with(b" ") {
            None
        } else {
            let Some(core) = words.next().and_then(number) else {
                break;
            };
            Some(core as usize)
        };
        // user nice system idle iowait irq softirq steal; guest time is in user already.
        let mut time = CpuTime::default();
        for (index, ticks) in words.take(8).map_while(number).enumerate() {
            time.total = time.total.saturating_add(ticks);
            time.idle = time
                .idle
                .saturating_add(if index == 3 || index == 4 { ticks } else { 0 });
        }
        each(core, time);
    }
}

/// What is used of `meminfo`, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) total: u64,
    pub(super) available: u64,
    pub(super) swap_total: u64,
    pub(super) swap_free: u64,
}

pub(super) fn memory(meminfo: &[u8]) -> Memory {
    let mut memory = Memory::default();
    for line in lines(meminfo) {
        let mut words = words(line);
        let field = match words.next() {
            Some(b"MemTotal:") => &mut memory.total,
            Some(b"MemAvailable:") => &mut memory.available,
            Some(b"SwapTotal:") => &mut memory.swap_total,
            Some(b"SwapFree:") => &mut memory.swap_free,
            _ => continue,
        };
        *field = words
            .next()
            .and_then(number)
            .unwrap_or(0)
            .saturating_mul(1024);
    }
    memory
}

/// `loadavg`: over 1, 5 and 15 minutes.
pub(super) fn load_average(loadavg: &[u8]) -> Option<[f64; 3]> {
    let mut words = words(loadavg).map(|word| str::from_utf8(word).ok()?.parse().ok());
    Some([words.next()??, words.next()??, words.next()??])
}

/// `statm`: pages resident.
pub(super) fn resident_pages(statm: &[u8]) -> Option<u64> {
    words(statm).nth(1).and_then(number)
}

/// Sums over network interfaces since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) received: u64,
    pub(super) packets_received: u64,
    pub(super) sent: u64,
    pub(super) packets_sent: u64,
}

/// `net/dev`: all interfaces but loopback, which moves nothing in or out.
pub(super) fn network(dev: &[u8]) -> Network {
    let mut sum = Network::default();
    for line in lines(dev) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, counters) = line.split_at(colon);
        if name.trim_ascii() == b"lo" {
            continue;
        }
        for (index, value) in words(&counters[1..]).map_while(number).enumerate() {
            match index {
                0 => sum.received = sum.received.saturating_add(value),
                1 => sum.packets_received = sum.packets_received.saturating_add(value),
                8 => sum.sent = sum.sent.saturating_add(value),
                9 => sum.packets_sent = sum.packets_sent.saturating_add(value),
                _ => {}
            }
        }
    }
    sum
}

/// `diskstats`: bytes read and written of whole physical devices; none without one.
pub(super) fn disk_traffic(diskstats: &[u8]) -> Option<(u64, u64)> {
    let (mut sum, mut found, mut whole) = ((0, 0), false, &b""[..]);
    for line in lines(diskstats) {
        let mut words = words(line).skip(2);
        let Some(name) = words.next() else { continue };
        if is_virtual(name) || is_partition(name, whole) {
            continue;
        }
        whole = name;
        // Reads: completed, merged, sectors, ms; then the same of writes.
        let mut counters = words.map_while(number);
        let (read, written) = (counters.nth(2), counters.nth(3));
        if let (Some(read), Some(written)) = (read, written) {
            sum = (add_sectors(sum.0, read), add_sectors(sum.1, written));
            found = true;
        }
    }
    found.then_some(sum)
}

fn add_sectors(bytes: u64, sectors: u64) -> u64 {
    bytes.saturating_add(sectors.saturating_mul(SECTOR_BYTES))
}

/// Devices without a medium of their own: what they move is counted below them.
fn is_virtual(name: &[u8]) -> bool {
    [&b"loop"[..], b"ram", b"zram", b"dm-", b"md"]
        .iter()
        .any(|kind| name.starts_with(kind))
}

/// Partitions follow their device: `sda1` after `sda`, `mmcblk0p2` after `mmcblk0`.
fn is_partition(name: &[u8], whole: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(whole).filter(|_| !whole.is_empty()) else {
        return false;
    };
    let digits = rest.strip_prefix(b"p").unwrap_or(rest);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// A whole decimal number.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn processor_use_is_what_was_not_idle() {
        let text = b"cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 60 0 20 400 20 0 0 0 0 0\ncpu3 40 0 30 400 30 0 0 0 0 0\nintr 5 6\ncpu9 1 1 1 1\n";
        let mut seen = Vec::new();
        cpu_times(text, |core, time| seen.push((core, time)));
        let all = CpuTime {
            total: 1000,
            idle: 850,
        };
        let expected = [
            (None, all),
            (
                Some(0),
                CpuTime {
                    total: 500,
                    idle: 420,
                },
            ),
            (
                Some(3),
                CpuTime {
                    total: 500,
                    idle: 430,
                },
            ),
        ];
        assert_eq!(seen, expected);
        assert_eq!(all.busy_pct(CpuTime::default()), Some(15.0));
        assert_eq!(
            CpuTime {
                total: 1003,
                idle: 851
            }
            .busy_pct(all),
            Some(66.7)
        );
        assert_eq!(
            CpuTime {
                total: 1004,
                idle: 849
            }
            .busy_pct(all),
            Some(100.0),
            "idle stepped back"
        );
        assert_eq!(
            CpuTime {
                total: 1001,
                idle: 853
            }
            .busy_pct(all),
            Some(0.0),
            "another counter stepped back"
        );
        assert_eq!(all.busy_pct(all), None, "no time has passed");
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = b"MemTotal:        3884384 kB\nMemFree:  1 kB\nMemAvailable:    3141592 kB\nSwapTotal: 102396 kB\nSwapFree: 102396 kB\n";
        let expected = Memory {
            total: 3_884_384 << 10,
            available: 3_141_592 << 10,
            swap_total: 102_396 << 10,
            swap_free: 102_396 << 10,
        };
        assert_eq!(memory(text), expected);
    }

    #[test]
    fn loopback_is_not_traffic() {
        let text = b"Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n  eth0:1000      10    0    0    0     0          0         0     2000      20    0    0    0     0       0          0\n wlan0: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n";
        let expected = Network {
            received: 1001,
            packets_received: 12,
            sent: 2003,
            packets_sent: 24,
        };
        assert_eq!(network(text), expected);
    }

    #[test]
    fn only_whole_physical_devices_count() {
        let text = b" 179 0 mmcblk0 10 1 100 5 20 2 200 6 0 7 8\n 179 1 mmcblk0p1 10 1 60 5 20 2 100 6 0 7 8\n 179 2 mmcblk0p2 10 1 40 5 20 2 100 6 0 7 8\n   8 0 sda 1 0 7 0 1 0 9 0 0 0 0\n   8 1 sda1 1 0 7 0 1 0 9 0 0 0 0\n   8 16 sdaa 1 0 1 0 1 0 1 0 0 0 0\n 253 0 zram0 9 9 9 9 9 9 9 9 9 9 9\n   7 0 loop0 9 9 9 9 9 9 9 9 9 9 9\n";
        assert_eq!(disk_traffic(text), Some((108 * 512, 210 * 512)));
        assert_eq!(disk_traffic(b"   7 0 loop0 9 9 9 9 9 9 9 9 9 9 9\n"), None);
    }

    #[test]
    fn the_rest_of_the_files() {
        assert_eq!(
            load_average(b"0.25 1.50 10.00 1/234 5678\n"),
            Some([0.25, 1.5, 10.0])
        );
        assert_eq!(load_average(b"0.25 1.50"), None);
        assert_eq!(resident_pages(b"5000 2048 1000 1 0 500 0\n"), Some(2048));
        assert_eq!((percent(1, 3), percent(0, 0)), (33.3, 0.0));
    }

    proptest! {
        // No assertion: a panic is what fails it (sums and places are checked here).
        #[test]
        fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..300)) {
            cpu_times(&text, |_, _| {});
            let _ = (memory(&text), load_average(&text), resident_pages(&text), network(&text), disk_traffic(&text));
        }
    }
}
