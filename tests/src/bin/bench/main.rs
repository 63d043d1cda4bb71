//! Measures what `SPECIFICATION.md` promises: the gateway as it is shipped, beside
//! nginx where a comparison means something.
//!
//! ```text
//! cargo run --profile ship -p gateway-tests --bin bench -- [NAME…] [--seconds N]
//! ```
//!
//! Names: size start memory http handshakes latency flood datagrams bridge stop commands together sticks fleet video
//! recording soak night; all of them but the last two by default. Nothing here is a test: figures are printed, with the
//! medians of rounds that alternate between the two servers, because machines
//! are noisy. Server cost is CPU time read from /proc, not wall time.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

mod fleet;
mod floor;
mod http_load;
mod line;
mod nginx;
mod night;
mod path;
mod recorded;
mod resident;
mod sticks;
mod stop;
mod video;

use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;

use gateway_tests::gateway;
use tokio::time::Instant;

/// Seconds of each measured stretch.
const DEFAULT_SECONDS: u64 = 4;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut names = Vec::new();
    let mut seconds = DEFAULT_SECONDS;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--floor" => return floor::serve(&arguments.collect::<Vec<_>>()).await,
            "--seconds" => seconds = arguments.next().unwrap_or_default().parse()?,
            name => names.push(name.to_owned()),
        }
    }
    if names.is_empty() {
        names = [
            "size",
            "start",
            "memory",
            "http",
            "handshakes",
            "latency",
            "flood",
            "datagrams",
            "bridge",
            "stop",
            "commands",
            "together",
            "sticks",
            "fleet",
            "video",
            "recording",
        ]
        .map(str::to_owned)
        .to_vec();
    }
    anyhow::ensure!(
        std::env::var_os("MFG_DRONE_GATEWAY_BIN").is_some() || gateway::profile() == "ship",
        "only figures of what is shipped mean something: \
         cargo run --profile ship -p gateway-tests --bin bench"
    );
    let stretch = Duration::from_secs(seconds);
    for name in names {
        println!("## {name}");
        match name.as_str() {
            "size" => resident::size()?,
            "start" => resident::start().await?,
            "memory" => resident::memory().await?,
            "soak" => resident::soak().await?,
            "night" => night::night(stretch).await?,
            "http" => http_load::requests(stretch).await?,
            "handshakes" => http_load::handshakes(stretch).await?,
            "latency" => path::latency().await?,
            "flood" => path::flood().await?,
            "bridge" => line::latency().await?,
            "stop" => stop::stop().await?,
            "datagrams" => path::datagrams(stretch).await?,
            "commands" => fleet::commands().await?,
            "together" => fleet::together().await?,
            "sticks" => sticks::sticks().await?,
            "fleet" => fleet::fleet(stretch).await?,
            "video" => video::relay(stretch).await?,
            "recording" => recorded::recording(stretch).await?,
            other => anyhow::bail!("no benchmark is called {other:?}"),
        }
        println!();
    }
    Ok(())
}

/// A folder on this machine's disk, out of the way of what is committed.
fn on_disk() -> anyhow::Result<PathBuf> {
    let folder = std::env::current_dir()?.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Microseconds of datagrams of those texts between two sockets of this process.
fn bare_loop(texts: impl Iterator<Item = String>) -> anyhow::Result<Vec<f64>> {
    let any = || UdpSocket::bind("127.0.0.1:0");
    let (here, there) = (any()?, any()?);
    here.connect(there.local_addr()?)?;
    let mut buffer = [0; 64];
    let mut delays = Vec::new();
    for text in texts {
        let begun = Instant::now();
        here.send(text.as_bytes())?;
        there.recv(&mut buffer)?;
        delays.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(delays)
}

/// The middle value.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints how these microseconds spread.
fn spread(what: &str, mut samples: Vec<f64>) {
    samples.sort_by(f64::total_cmp);
    let [p50, p99, worst] = [0.5, 0.99, 1.0].map(|share| quantile(&samples, share));
    println!(
        "{what}, {} times: p50 {p50:.0} µs, p99 {p99:.0} µs, worst {worst:.0} µs",
        samples.len()
    );
}

/// The value below which `share` of the sorted values lie.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
