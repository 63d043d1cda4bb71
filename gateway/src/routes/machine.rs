//! The machine's figures as the contract shapes them (2.12 and 8.3).
//!
//! A figure that the machine does not say is null, never zero.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::scalars::{Ts, gb, mb, percent, round1};
use crate::http::state::App;
use crate::performance::{HostSnapshot, SystemSnapshot};

/// Contract 2.12. Null is what the machine does not say.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemPerformance {
    /// The processor.
    cpu: CpuLoad,
    /// The memory.
    memory: Memory,
    /// The root file system.
    disk: Disk,
    network: Network,
    /// Seconds since the gateway started.
    uptime_seconds: u64,
    pub(crate) timestamp: Ts,
}

#[derive(Serialize, ToSchema)]
struct CpuLoad {
    /// How busy all cores together are.
    usage_percent: Option<f64>,
    /// Processor cores.
    count: Option<usize>,
    /// Over 1, 5 and 15 minutes.
    load_avg: Option<[f64; 3]>,
    /// Empty until a second sample is there.
    usage_per_core: Vec<f64>,
}

#[derive(Serialize, ToSchema)]
struct Memory {
    /// Memory of the machine.
    total_gb: Option<f64>,
    /// Free for programs.
    available_gb: Option<f64>,
    /// In use.
    used_gb: Option<f64>,
    /// How much of it is in use.
    usage_percent: Option<f64>,
    /// Resident set of the gateway.
    process_memory_mb: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct Disk {
    /// Size of the root file system.
    total_gb: Option<f64>,
    /// In use.
    used_gb: Option<f64>,
    /// Free for use.
    free_gb: Option<f64>,
    /// How full it is.
    usage_percent: Option<f64>,
}

/// Since boot, over all interfaces.
#[derive(Serialize, ToSchema)]
struct Network {
    /// Megabytes sent since the machine started.
    bytes_sent_mb: Option<f64>,
    /// Megabytes received since the machine started.
    bytes_recv_mb: Option<f64>,
    /// Packets sent since the machine started.
    packets_sent: Option<u64>,
    /// Packets received since the machine started.
    packets_recv: Option<u64>,
}

fn network(host: &HostSnapshot) -> Network {
    let network = host.network;
    Network {
        bytes_sent_mb: network.map(|network| mb(network.sent_bytes)),
        bytes_recv_mb: network.map(|network| mb(network.received_bytes)),
        packets_sent: network.map(|network| network.sent_packets),
        packets_recv: network.map(|network| network.received_packets),
    }
}

fn per_core(host: &HostSnapshot) -> Vec<f64> {
    let cores = host.processor.iter().flat_map(|cpu| &cpu.per_core_pct);
    cores.copied().map(round1).collect()
}

fn core_count(host: &HostSnapshot) -> Option<usize> {
    host.processor.as_ref().map(|cpu| cpu.cores)
}

impl SystemPerformance {
    /// Of the newest snapshot.
    pub(crate) fn of(app: &App, system: &SystemSnapshot) -> SystemPerformance {
        let host = &system.host;
        let (memory, disk) = (host.memory, host.file_system);
        SystemPerformance {
            cpu: CpuLoad {
                usage_percent: system.cpu_pct().map(round1),
                count: core_count(host),
                load_avg: host.load_average,
                usage_per_core: per_core(host),
            },
            memory: Memory {
                total_gb: memory.map(|memory| gb(memory.total_bytes)),
                available_gb: memory.map(|memory| gb(memory.available_bytes)),
                used_gb: memory.map(|memory| gb(memory.used_bytes())),
                usage_percent: system.memory_pct().map(round1),
                process_memory_mb: host.own_memory_bytes.map(mb),
            },
            disk: Disk {
                total_gb: disk.map(|disk| gb(disk.total_bytes)),
                used_gb: disk.map(|disk| gb(disk.used_bytes())),
                free_gb: disk.map(|disk| gb(disk.available_bytes)),
                usage_percent: system.disk_pct().map(round1),
            },
            network: network(host),
            uptime_seconds: app.uptime_s(),
            timestamp: Ts::now(),
        }
    }
}

/// Contract 8.3. Null is what the machine does not say.
#[derive(Serialize, ToSchema)]
pub(crate) struct HostPerformance {
    /// The processor.
    cpu: HostCpu,
    /// The memory.
    memory: HostMemory,
    /// Memory on the disk.
    swap: Swap,
    /// The root file system.
    disk: HostDisk,
    network: Network,
    /// The processes.
    processes: Processes,
    /// Seconds since the gateway started.
    uptime_seconds: u64,
    /// Since the machine was started.
    host_uptime_seconds: Option<u64>,
    timestamp: Ts,
}

#[derive(Serialize, ToSchema)]
struct HostCpu {
    /// Processor cores.
    count: Option<usize>,
    /// Present frequency.
    frequency_mhz: Option<f64>,
    /// How busy all cores together are.
    usage_percent: Option<f64>,
    /// Empty until a second sample is there.
    usage_per_core: Vec<f64>,
}

#[derive(Serialize, ToSchema)]
struct HostMemory {
    /// Memory of the machine.
    total_gb: Option<f64>,
    /// Free for programs.
    available_gb: Option<f64>,
    /// In use.
    used_gb: Option<f64>,
    /// How much of it is in use.
    usage_percent: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct Swap {
    /// Size.
    total_gb: Option<f64>,
    /// In use.
    used_gb: Option<f64>,
    /// How much of it is in use.
    usage_percent: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct HostDisk {
    /// Size of the root file system.
    total_gb: Option<f64>,
    /// In use.
    used_gb: Option<f64>,
    /// Free for use.
    free_gb: Option<f64>,
    /// How full it is.
    usage_percent: Option<f64>,
    /// Since boot.
    read_mb: Option<f64>,
    /// Written since the machine started.
    write_mb: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct Processes {
    /// Null also where the service may see none but its own.
    count: Option<usize>,
}

fn swap(host: &HostSnapshot) -> Swap {
    let swap = host.swap;
    Swap {
        total_gb: swap.map(|swap| gb(swap.total_bytes)),
        used_gb: swap.map(|swap| gb(swap.used_bytes)),
        usage_percent: swap.map(|swap| percent(swap.used_bytes, swap.total_bytes)),
    }
}

impl HostPerformance {
    /// Of the newest snapshot.
    pub(crate) fn of(app: &App, system: &SystemSnapshot) -> HostPerformance {
        let host = &system.host;
        let (memory, disk, traffic) = (host.memory, host.file_system, host.disk_traffic);
        HostPerformance {
            cpu: HostCpu {
                count: core_count(host),
                frequency_mhz: host.frequency_mhz.map(round1),
                usage_percent: system.cpu_pct().map(round1),
                usage_per_core: per_core(host),
            },
            memory: HostMemory {
                total_gb: memory.map(|memory| gb(memory.total_bytes)),
                available_gb: memory.map(|memory| gb(memory.available_bytes)),
                used_gb: memory.map(|memory| gb(memory.used_bytes())),
                usage_percent: system.memory_pct().map(round1),
            },
            swap: swap(host),
            disk: HostDisk {
                total_gb: disk.map(|disk| gb(disk.total_bytes)),
                used_gb: disk.map(|disk| gb(disk.used_bytes())),
                free_gb: disk.map(|disk| gb(disk.available_bytes)),
                usage_percent: system.disk_pct().map(round1),
                read_mb: traffic.map(|traffic| mb(traffic.read_bytes)),
                write_mb: traffic.map(|traffic| mb(traffic.written_bytes)),
            },
            network: network(host),
            processes: Processes {
                count: host.processes,
            },
            uptime_seconds: app.uptime_s(),
            host_uptime_seconds: host.uptime_s,
            timestamp: Ts::now(),
        }
    }
}
