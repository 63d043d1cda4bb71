//! The machine's figures as the contract shapes them (2.12 and 8.3).

use serde::Serialize;
use utoipa::ToSchema;

use super::scalars::{Ts, gb, mb, percent, round1};
use super::state::App;
use crate::performance::SystemSnapshot;

/// Contract 2.12.
#[derive(Serialize, ToSchema)]
pub(super) struct SystemPerformance {
    cpu: CpuLoad,
    memory: Memory,
    disk: Disk,
    network: Network,
    uptime_seconds: u64,
    pub(super) timestamp: Ts,
}

#[derive(Serialize, ToSchema)]
struct CpuLoad {
    usage_percent: f64,
    count: usize,
    /// Over 1, 5 and 15 minutes.
    load_avg: Option<[f64; 3]>,
    usage_per_core: Vec<f64>,
}

#[derive(Serialize, ToSchema)]
struct Memory {
    total_gb: f64,
    available_gb: f64,
    used_gb: f64,
    usage_percent: f64,
    /// Resident set of the gateway.
    process_memory_mb: f64,
}

#[derive(Serialize, ToSchema)]
struct Disk {
    total_gb: f64,
    used_gb: f64,
    free_gb: f64,
    usage_percent: f64,
}

/// Since boot, over all interfaces.
#[derive(Serialize, ToSchema)]
struct Network {
    bytes_sent_mb: f64,
    bytes_recv_mb: f64,
    packets_sent: u64,
    packets_recv: u64,
}

fn network(system: &SystemSnapshot) -> Network {
    Network {
        bytes_sent_mb: mb(system.net_sent),
        bytes_recv_mb: mb(system.net_received),
        packets_sent: system.packets_sent,
        packets_recv: system.packets_received,
    }
}

fn per_core(system: &SystemSnapshot) -> Vec<f64> {
    system
        .cpu_per_core_pct
        .iter()
        .copied()
        .map(round1)
        .collect()
}

impl SystemPerformance {
    /// Of the newest snapshot.
    pub(super) fn of(app: &App, system: &SystemSnapshot) -> SystemPerformance {
        SystemPerformance {
            cpu: CpuLoad {
                usage_percent: round1(system.cpu_pct),
                count: system.cpu_count,
                load_avg: system.load_avg,
                usage_per_core: per_core(system),
            },
            memory: Memory {
                total_gb: gb(system.memory_total),
                available_gb: gb(system.memory_available),
                used_gb: gb(system.memory_used),
                usage_percent: round1(system.memory_pct),
                process_memory_mb: mb(system.process_rss),
            },
            disk: Disk {
                total_gb: gb(system.disk_total),
                used_gb: gb(system.disk_used),
                free_gb: gb(system.disk_free),
                usage_percent: round1(system.disk_pct),
            },
            network: network(system),
            uptime_seconds: app.uptime_s(),
            timestamp: Ts::now(),
        }
    }
}

/// Contract 8.3.
#[derive(Serialize, ToSchema)]
pub(super) struct HostPerformance {
    cpu: HostCpu,
    memory: HostMemory,
    swap: Swap,
    disk: HostDisk,
    network: Network,
    processes: Processes,
    uptime_seconds: u64,
    timestamp: Ts,
}

#[derive(Serialize, ToSchema)]
struct HostCpu {
    count: usize,
    frequency_mhz: Option<f64>,
    usage_percent: f64,
    usage_per_core: Vec<f64>,
}

#[derive(Serialize, ToSchema)]
struct HostMemory {
    total_gb: f64,
    available_gb: f64,
    used_gb: f64,
    usage_percent: f64,
}

#[derive(Serialize, ToSchema)]
struct Swap {
    total_gb: f64,
    used_gb: f64,
    usage_percent: f64,
}

#[derive(Serialize, ToSchema)]
struct HostDisk {
    total_gb: f64,
    used_gb: f64,
    free_gb: f64,
    usage_percent: f64,
    /// Since boot; null when the kernel does not say.
    read_mb: Option<f64>,
    write_mb: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct Processes {
    count: usize,
}

impl HostPerformance {
    /// Of the newest snapshot.
    pub(super) fn of(app: &App, system: &SystemSnapshot) -> HostPerformance {
        HostPerformance {
            cpu: HostCpu {
                count: system.cpu_count,
                frequency_mhz: system.cpu_mhz.map(round1),
                usage_percent: round1(system.cpu_pct),
                usage_per_core: per_core(system),
            },
            memory: HostMemory {
                total_gb: gb(system.memory_total),
                available_gb: gb(system.memory_available),
                used_gb: gb(system.memory_used),
                usage_percent: round1(system.memory_pct),
            },
            swap: Swap {
                total_gb: gb(system.swap_total),
                used_gb: gb(system.swap_used),
                usage_percent: percent(system.swap_used, system.swap_total),
            },
            disk: HostDisk {
                total_gb: gb(system.disk_total),
                used_gb: gb(system.disk_used),
                free_gb: gb(system.disk_free),
                usage_percent: round1(system.disk_pct),
                read_mb: system.disk_read.map(mb),
                write_mb: system.disk_written.map(mb),
            },
            network: network(system),
            processes: Processes {
                count: system.processes,
            },
            uptime_seconds: app.uptime_s(),
            timestamp: Ts::now(),
        }
    }
}
