//! The machine's figures as the contract shapes them (2.12 and 8.3).
//!
//! A figure that the machine does not say is null, never zero.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::scalars::{Ts, gb, mb, percent, round1};
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
    /// Of the newest snapshot, and of how long the gateway runs.
    pub(crate) fn of(system: &SystemSnapshot, uptime_seconds: u64) -> SystemPerformance {
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
            uptime_seconds,
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
    /// Of the newest snapshot, and of how long the gateway runs.
    pub(crate) fn of(system: &SystemSnapshot, uptime_seconds: u64) -> HostPerformance {
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
            uptime_seconds,
            host_uptime_seconds: host.uptime_s,
            timestamp: Ts::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::performance;

    const GB: u64 = 1 << 30;
    const MB: u64 = 1 << 20;

    /// Every figure another one, so that none can be taken for its neighbour.
    fn busy() -> SystemSnapshot {
        let host = HostSnapshot {
            processor: Some(performance::Processor {
                usage_pct: 12.34,
                per_core_pct: vec![20.06, 4.0],
                cores: 2,
            }),
            frequency_mhz: Some(1500.04),
            load_average: Some([0.1, 0.2, 0.3]),
            memory: Some(performance::Memory {
                total_bytes: 8 * GB,
                available_bytes: 6 * GB,
            }),
            swap: Some(performance::Swap {
                total_bytes: 4 * GB,
                used_bytes: GB,
            }),
            file_system: Some(performance::FileSystem {
                total_bytes: 100 * GB,
                available_bytes: 90 * GB,
            }),
            disk_traffic: Some(performance::DiskTraffic {
                read_bytes: 3 * MB,
                written_bytes: 5 * MB,
            }),
            network: Some(performance::Network {
                received_bytes: 7 * MB,
                received_packets: 70,
                sent_bytes: 9 * MB,
                sent_packets: 90,
            }),
            processes: Some(123),
            uptime_s: Some(4_000),
            own_memory_bytes: Some(11 * MB),
        };
        SystemSnapshot {
            host,
            ..SystemSnapshot::default()
        }
    }

    #[test]
    fn each_figure_stands_under_its_name() {
        let network = json!({
            "bytes_sent_mb": 9.0, "bytes_recv_mb": 7.0, "packets_sent": 90, "packets_recv": 70,
        });
        let shown = serde_json::to_value(SystemPerformance::of(&busy(), 60)).expect("JSON");
        assert_eq!(
            shown["cpu"],
            json!({
                "usage_percent": 12.3, "count": 2, "load_avg": [0.1, 0.2, 0.3],
                "usage_per_core": [20.1, 4.0],
            })
        );
        assert_eq!(
            shown["memory"],
            json!({
                "total_gb": 8.0, "available_gb": 6.0, "used_gb": 2.0, "usage_percent": 25.0,
                "process_memory_mb": 11.0,
            })
        );
        let disk = json!({
            "total_gb": 100.0, "used_gb": 10.0, "free_gb": 90.0, "usage_percent": 10.0,
        });
        assert_eq!(shown["disk"], disk);
        assert_eq!(
            (&shown["network"], &shown["uptime_seconds"]),
            (&network, &json!(60))
        );

        let shown = serde_json::to_value(HostPerformance::of(&busy(), 60)).expect("JSON");
        assert_eq!(
            shown["cpu"],
            json!({
                "count": 2, "frequency_mhz": 1500.0, "usage_percent": 12.3,
                "usage_per_core": [20.1, 4.0],
            })
        );
        assert_eq!(
            shown["swap"],
            json!({"total_gb": 4.0, "used_gb": 1.0, "usage_percent": 25.0})
        );
        assert_eq!(
            (&shown["disk"]["read_mb"], &shown["disk"]["write_mb"]),
            (&json!(3.0), &json!(5.0))
        );
        assert_eq!(
            (&shown["network"], &shown["processes"]["count"]),
            (&network, &json!(123))
        );
        assert_eq!(
            (&shown["uptime_seconds"], &shown["host_uptime_seconds"]),
            (&json!(60), &json!(4_000))
        );
    }

    #[test]
    fn what_the_machine_does_not_say_is_null_and_never_zero() {
        let shown = [
            serde_json::to_value(SystemPerformance::of(&SystemSnapshot::default(), 1)),
            serde_json::to_value(HostPerformance::of(&SystemSnapshot::default(), 1)),
        ];
        for shown in shown {
            let shown = shown.expect("JSON");
            let shown = shown.as_object().expect("an object");
            for (part, figures) in shown.iter().filter(|(_, figures)| figures.is_object()) {
                for (name, figure) in figures.as_object().expect("an object") {
                    let is_unknown = figure.is_null() || *figure == json!([]);
                    assert!(is_unknown, "{part}/{name}: {figure}");
                }
            }
        }
    }
}
