//! The machine at one instant: the host's figures and the board's temperature.

use jiff::Timestamp;

use super::host::HostSnapshot;
use readings::{Metric, Reading};

/// The machine at one instant. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemSnapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Figures of the host.
    pub host: HostSnapshot,
    /// Board temperature in °C, from the boards crate.
    pub temperature_c: Option<f64>,
}

impl SystemSnapshot {
    /// Processor use in percent.
    #[must_use]
    pub fn cpu_pct(&self) -> Option<f64> {
        self.host.processor.as_ref().map(|cpu| cpu.usage_pct)
    }

    /// Memory use in percent.
    #[must_use]
    pub fn memory_pct(&self) -> Option<f64> {
        self.host.memory.map(|memory| memory.used_pct())
    }

    /// Use of the file system in percent.
    #[must_use]
    pub fn disk_pct(&self) -> Option<f64> {
        self.host.file_system.map(|disk| disk.used_pct())
    }

    /// What of this is a reading of the board. What is unknown or implausible
    /// gives none: unknown is absent, never zero.
    pub fn readings(&self) -> impl Iterator<Item = Reading> {
        [
            (Metric::CpuUsage, self.cpu_pct()),
            (Metric::MemoryUsage, self.memory_pct()),
            (Metric::DiskUsage, self.disk_pct()),
        ]
        .into_iter()
        .filter_map(|(metric, value)| Reading::plausible(metric, value?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::host::{Memory, Processor};

    #[test]
    fn what_is_unknown_gives_no_reading() {
        let mut snapshot = SystemSnapshot::default();
        assert_eq!(snapshot.readings().count(), 0);
        snapshot.host.processor = Some(Processor {
            usage_pct: 0.0,
            per_core_pct: Vec::new(),
            cores: 4,
        });
        snapshot.host.memory = Some(Memory {
            total_bytes: 1000,
            available_bytes: 500,
        });
        let readings: Vec<_> = snapshot
            .readings()
            .map(|reading| (reading.metric, reading.value))
            .collect();
        let idle_but_known = [(Metric::CpuUsage, 0.0), (Metric::MemoryUsage, 50.0)];
        assert_eq!(readings, idle_but_known);
    }
}
