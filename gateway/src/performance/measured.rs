//! The machine at `/metrics`.

use std::fmt;

use readings::measured::{Measured, Page};

use super::Performance;

impl Measured for Performance {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let system = self.system();
        let gauges = [
            (
                "board_cpu_usage_percent",
                "Processor use of the board",
                system.cpu_pct(),
            ),
            (
                "board_memory_usage_percent",
                "Memory use of the board",
                system.memory_pct(),
            ),
            (
                "board_disk_usage_percent",
                "Use of the root file system",
                system.disk_pct(),
            ),
            (
                "process_resident_memory_bytes",
                "Resident set of the gateway",
                system.host.own_memory_bytes.map(|bytes| bytes as f64),
            ),
            (
                "board_temperature_celsius",
                "Hottest board temperature",
                system.temperature_c,
            ),
        ];
        for (name, help, value) in gauges {
            // What the machine does not say has no sample.
            if let Some(value) = value {
                page.gauge(name, help, value)?;
            }
        }
        Ok(())
    }
}
