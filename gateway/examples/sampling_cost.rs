//! What sampling the host costs, and what recording a request costs.
//!
//! `cargo run --profile ship -p mfg-drone-gateway --example sampling_cost` prints processor time a
//! sample, which other load on the machine does not change much, and the
//! memory that the sampler holds.

#![allow(clippy::print_stdout)]
#![expect(clippy::disallowed_methods, reason = "sysinfo counts in real time")]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mfg_drone_gateway::{Host, Performance, RouteId};
use readings::clock::Mono;
use rustix::time::{ClockId, clock_gettime};

/// Samples of each kind.
const SAMPLES: u32 = 50;

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
    let root = Path::new("/");
    let mut host = Host::open(root, root)?;
    // Time is counted up by hand: each sample is due what the step makes due.
    let mut now = Instant::now();
    let before = host.sample(now).own_memory_bytes;
    let mut sample = |what: &str, step| {
        let mut spent = Duration::ZERO;
        for _ in 0..SAMPLES {
            // Sooner, sysinfo does not read the processor again.
            std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
            now += step;
            let start = cpu_time();
            std::hint::black_box(host.sample(now));
            spent += cpu_time() - start;
        }
        println!(
            "{:>10.2} µs  {what}",
            spent.as_secs_f64() * 1e6 / f64::from(SAMPLES)
        );
    };
    sample("a sample of each second", Duration::ZERO);
    sample("a sample of each 10 s", Duration::from_secs(10));
    sample("a sample of each minute", Duration::from_secs(60));
    now += Duration::from_secs(60);
    let after = host.sample(now).own_memory_bytes;
    let processes = host.sample(now).processes;
    println!("processes: {processes:?}; resident bytes before and after: {before:?}, {after:?}");

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
