//! The host at one instant, as plain numbers. What was not told is absent.
//!
//! This is also the form of `host.toml`: its keys are these fields.

use serde::Deserialize;

/// The host at one instant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSnapshot {
    /// The processor.
    pub processor: Option<Processor>,
    /// Frequency of the first core in MHz.
    pub frequency_mhz: Option<f64>,
    /// Load over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
    /// Main memory.
    pub memory: Option<Memory>,
    /// Swap; of 0 bytes where the machine has none.
    pub swap: Option<Swap>,
    /// The file system of `/`, or of the state directory where `/` is read-only.
    pub file_system: Option<FileSystem>,
    /// Traffic of the disks.
    pub disk_traffic: Option<DiskTraffic>,
    /// Traffic of the network.
    pub network: Option<Network>,
    /// Processes.
    pub processes: Option<usize>,
    /// Seconds since the machine was started.
    pub uptime_s: Option<u64>,
    /// Resident set of this process in bytes.
    pub own_memory_bytes: Option<u64>,
}

/// Use of the processor over the time since the sample before; in the first
/// sample since the machine was started.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// Percent of all cores, one decimal.
    pub usage_pct: f64,
    /// Percent of each core, one decimal; empty in the first sample.
    #[serde(default)]
    pub per_core_pct: Vec<f64>,
    /// Logical cores.
    pub cores: usize,
}

/// Main memory.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bytes.
    pub total_bytes: u64,
    /// Bytes that programs can have without swapping.
    pub available_bytes: u64,
}

impl Memory {
    /// Bytes: all but the available ones.
    #[must_use]
    pub fn used_bytes(self) -> u64 {
        self.total_bytes.saturating_sub(self.available_bytes)
    }

    /// Percent, one decimal.
    #[must_use]
    pub fn used_pct(self) -> f64 {
        percent(self.used_bytes(), self.total_bytes)
    }
}

/// Swap.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    /// Bytes.
    pub total_bytes: u64,
    /// Bytes.
    pub used_bytes: u64,
}

/// A file system.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSystem {
    /// Bytes.
    pub total_bytes: u64,
    /// Bytes free for ordinary users.
    pub available_bytes: u64,
}

impl FileSystem {
    /// Bytes that ordinary users cannot have: those in use, and those that the
    /// file system keeps for root.
    #[must_use]
    pub fn used_bytes(self) -> u64 {
        self.total_bytes.saturating_sub(self.available_bytes)
    }

    /// Percent, one decimal.
    #[must_use]
    pub fn used_pct(self) -> f64 {
        percent(self.used_bytes(), self.total_bytes)
    }
}

/// Since the machine was started, over the devices of all mounted file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskTraffic {
    /// Bytes.
    pub read_bytes: u64,
    /// Bytes.
    pub written_bytes: u64,
}

/// Since the machine was started, over all interfaces but loopback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Bytes.
    pub received_bytes: u64,
    /// Packets.
    pub received_packets: u64,
    /// Bytes.
    pub sent_bytes: u64,
    /// Packets.
    pub sent_packets: u64,
}

/// A percentage as it is shown.
pub(super) fn one_decimal(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// `part` of `whole` in percent, one decimal; 0 of nothing is 0.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        one_decimal(part as f64 / whole as f64 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_what_is_not_available() {
        let memory = |total_bytes, available_bytes| Memory {
            total_bytes,
            available_bytes,
        };
        assert_eq!(memory(3, 2).used_pct(), 33.3);
        // In a container the two may come from different books.
        assert_eq!(memory(3, 4).used_bytes(), 0);
        let disk = FileSystem {
            total_bytes: 0,
            available_bytes: 0,
        };
        assert_eq!(disk.used_pct(), 0.0);
    }
}
