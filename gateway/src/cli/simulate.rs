//! `simulate`: drones on the wire, without a gateway.
//!
//! What each drone does is logged; lines on standard input do to a drone what
//! happens to real ones. End of input changes nothing.

use std::io::BufRead as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use https::port_holder::{self, Protocol};
use tello::render::Sdk;
use tello_simulator::{Impairment, Options, SimulatedDrone};
use tokio::sync::mpsc;

use super::args::SimulateArgs;
use crate::{config, logging};

/// What drones do is said at this level.
const LEVEL: &str = "info,tello_simulator=debug";

/// Orders on standard input that wait: they are typed.
const MAX_ORDERS: usize = 8;

pub(super) fn simulate(args: &SimulateArgs) -> anyhow::Result<()> {
    let _logging = logging::init(&config::Logging {
        level: LEVEL.to_owned(),
        ..config::Logging::default()
    })?;
    super::runtime()?.block_on(async {
        let mut drones = Vec::new();
        for number in 0..args.drones {
            let address = address(args.address, number)?;
            let at = SocketAddr::new(address, args.command_port);
            let drone = SimulatedDrone::start(at, options(args, number)?).map_err(|error| {
                let keys = ["--command-port", "--address"];
                let holder = || port_holder::port_holder(Protocol::Udp, at);
                let holder = || holder().map(|holder| holder.to_string());
                let advice = port_holder::advice(Protocol::Udp, at, &error, keys, holder);
                anyhow::anyhow!("drone {}: {advice}", number + 1)
            })?;
            drones.push(drone);
            println!(
                "drone {} listens on {address}:{}, streams to port {}",
                number + 1,
                args.command_port,
                args.state_port
            );
        }
        println!(
            "`freeze N`, `thaw N`, `reboot N`, `reset N`, `refuse N` (its next manoeuvre) and Enter do that to \
             drone N; Ctrl-C stops."
        );
        let mut orders = orders();
        loop {
            tokio::select! {
                stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
                Some(line) = orders.recv() => match obey(args, &drones, &line) {
                    Ok(()) => println!("{line}: done"),
                    Err(error) => println!("{line}: {error}"),
                },
            }
        }
    })
}

fn address(first: Ipv4Addr, number: u8) -> anyhow::Result<IpAddr> {
    let bits = first
        .to_bits()
        .checked_add(number.into())
        .context("--address: there are not that many addresses")?;
    Ok(Ipv4Addr::from_bits(bits).into())
}

fn options(args: &SimulateArgs, number: u8) -> anyhow::Result<Options> {
    let options = Options::varied(number.into());
    let station = args.station.map(|first| address(first, number));
    Ok(Options {
        sdk: match args.sdk.as_deref() {
            Some("1.3") => Sdk::V1_3,
            Some("2.0") => Sdk::V2_0,
            Some(_) => Sdk::V3_0,
            None => options.sdk,
        },
        station: station.transpose()?,
        state_port: args.state_port,
        video_port: args.video_port,
        battery_pct: args.battery.map_or(options.battery_pct, f64::from),
        impairment: impairment(args),
        ..options
    })
}

fn impairment(args: &SimulateArgs) -> Impairment {
    Impairment {
        drop_pct: args.drop,
        duplicate_pct: args.duplicate,
        garble_pct: args.garble,
        delay: Duration::from_millis(args.delay_ms.into()),
        jitter: Duration::from_millis(args.jitter_ms.into()),
        ..Impairment::default()
    }
}

/// Lines of standard input. A thread of its own, since reading it blocks; it
/// ends with the process.
fn orders() -> mpsc::Receiver<String> {
    let (sender, orders) = mpsc::channel(MAX_ORDERS);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        for line in lines.filter(|line| !line.trim().is_empty()) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
        // Kept open: the drones outlive their input.
        loop {
            std::thread::park();
        }
    });
    orders
}

fn obey(args: &SimulateArgs, drones: &[SimulatedDrone], line: &str) -> Result<(), String> {
    let (word, number) = line
        .trim()
        .split_once(' ')
        .ok_or("write freeze, thaw, reboot, reset or refuse and a drone's number")?;
    let number: usize = number
        .trim()
        .parse()
        .map_err(|_| format!("{number:?} is not a drone's number"))?;
    let drone = number.checked_sub(1).and_then(|index| drones.get(index));
    let drone = drone.ok_or_else(|| format!("there are drones 1 to {}", drones.len()))?;
    match word {
        "freeze" => drone.impair(Impairment {
            frozen: true,
            ..impairment(args)
        }),
        "thaw" => drone.impair(impairment(args)),
        "reboot" => drone.reboot(),
        "reset" => drone.reset(),
        "refuse" => drone.refuse(),
        other => {
            return Err(format!(
                "{other:?} is none of freeze, thaw, reboot, reset, refuse"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_first_and_do_not_wrap() {
        let at = |number| {
            address(Ipv4Addr::new(127, 0, 0, 254), number).map(|address| address.to_string())
        };
        assert_eq!(at(2).expect("an address"), "127.0.1.0");
        assert!(address(Ipv4Addr::BROADCAST, 1).is_err());
    }
}
