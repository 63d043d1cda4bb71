//! The machine at one instant, as plain numbers.

use jiff::Timestamp;

use readings::{Metric, Reading};

/// The machine at one instant. Values that cannot be read are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemSnapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Processor use in percent, one decimal: over the time since the snapshot
    /// before, and since boot in the first.
    pub cpu_pct: f64,
    /// Per core.
    pub cpu_per_core_pct: Vec<f64>,
    /// Logical cores.
    pub cpu_count: usize,
    /// Processor frequency in MHz.
    pub cpu_mhz: Option<f64>,
    /// Load over 1, 5 and 15 minutes.
    pub load_avg: Option<[f64; 3]>,
    /// Bytes.
    pub memory_total: u64,
    /// Bytes that programs can have without swapping.
    pub memory_available: u64,
    /// Bytes: all but the available ones.
    pub memory_used: u64,
    /// Percent, one decimal.
    pub memory_pct: f64,
    /// Bytes.
    pub swap_total: u64,
    /// Bytes.
    pub swap_used: u64,
    /// Resident set of this process in bytes.
    pub process_rss: u64,
    /// Bytes of `/`.
    pub disk_total: u64,
    /// Bytes of `/` in use.
    pub disk_used: u64,
    /// Bytes of `/` free for ordinary users.
    pub disk_free: u64,
    /// Percent of what ordinary users can have, one decimal.
    pub disk_pct: f64,
    /// Bytes read since boot, over whole physical devices.
    pub disk_read: Option<u64>,
    /// Bytes written since boot, over whole physical devices.
    pub disk_written: Option<u64>,
    /// Bytes sent since boot over all interfaces but loopback.
    pub net_sent: u64,
    /// Bytes received since boot.
    pub net_received: u64,
    /// Packets sent since boot.
    pub packets_sent: u64,
    /// Packets received since boot.
    pub packets_received: u64,
    /// Processes.
    pub processes: usize,
    /// Board temperature in °C, from the boards crate.
    pub temperature_c: Option<f64>,
}

impl SystemSnapshot {
    /// What of this is a reading of the board. A part of the machine that could
    /// not be read gives none: unknown is absent, never zero.
    pub fn readings(&self) -> impl Iterator<Item = Reading> {
        [
            (self.cpu_count > 0, Metric::CpuUsage, self.cpu_pct),
            (self.memory_total > 0, Metric::MemoryUsage, self.memory_pct),
            (self.disk_total > 0, Metric::DiskUsage, self.disk_pct),
        ]
        .into_iter()
        .filter(|(known, ..)| *known)
        .map(|(_, metric, value)| Reading { metric, value })
    }
}
