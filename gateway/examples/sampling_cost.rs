//! What sampling the machine costs, by direct reads and by sysinfo, and what
//! recording a request costs.
//!
//! `cargo run --release --example sampling_cost` prints processor time a
//! sample, which other load on the machine does not change much.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use mfg_drone_gateway::performance::{Machine, Performance, RouteId, SystemSnapshot};
use readings::clock::Mono;
use rustix::time::{ClockId, clock_gettime};
use sysinfo::{
    CpuRefreshKind, Disks, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System,
};

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn measure(what: &str, times: u32, mut work: impl FnMut()) {
    work();
    let start = cpu_time();
    for _ in 0..times {
        work();
    }
    println!(
        "{:>10.2} µs  {what}",
        (cpu_time() - start).as_secs_f64() * 1e6 / f64::from(times)
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut machine, mut snapshot) = (
        Machine::open(Path::new("/"), Path::new("/")),
        SystemSnapshot::default(),
    );
    measure(
        "direct: each second (processor, load, memory, this process)",
        2000,
        || {
            machine.sample_often(&mut snapshot);
        },
    );
    measure(
        "direct: each 10 s (file system, disks, network, process count, frequency)",
        500,
        || {
            machine.sample_rarely(&mut snapshot);
        },
    );

    let mut system = System::new()?;
    let this = Pid::from_u32(std::process::id());
    let memory = ProcessRefreshKind::nothing().with_memory();
    measure(
        "sysinfo: each second (processor, load, memory, this process)",
        2000,
        || {
            system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
            system.refresh_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), false, memory);
            std::hint::black_box(System::load_average().is_ok());
        },
    );
    let (mut disks, mut networks) = (
        Disks::new_with_refreshed_list()?,
        Networks::new_with_refreshed_list()?,
    );
    measure("sysinfo: disks and networks", 500, || {
        disks.refresh(false);
        networks.refresh(false);
    });
    measure("sysinfo: process count", 50, || {
        system.refresh_processes_specifics(
            ProcessesToUpdate::All,
            true,
            ProcessRefreshKind::nothing(),
        );
        std::hint::black_box(system.processes().len());
    });

    let performance = Performance::new(vec!["/"]);
    let mut elapsed = 0;
    measure("one request recorded", 10_000_000, || {
        elapsed = (elapsed + 37) % 5000;
        let now = Mono::from_millis(elapsed);
        performance.record(
            RouteId(0),
            200,
            Duration::from_micros(elapsed),
            now,
            Timestamp::UNIX_EPOCH,
        );
    });
    Ok(())
}
