//! `simulate`: drones on the wire, without a gateway.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::args::SimulateArgs;
use crate::drones::simulator::{self, SimulatedDrone};

/// First drone's address is 127.0.0.2.
const FIRST_HOST: u8 = 2;

pub(super) fn simulate(args: &SimulateArgs) -> anyhow::Result<()> {
    super::runtime()?.block_on(async {
        let mut drones = Vec::new();
        for number in 0..args.drones {
            let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, FIRST_HOST + number));
            let options = simulator::Options {
                state_port: args.state_port,
                video_port: args.video_port,
                ..simulator::Options::varied(number.into())
            };
            drones.push(SimulatedDrone::start(SocketAddr::new(address, args.command_port), options)?);
            println!(
                "drone {} listens on {address}:{}, streams to port {}",
                number + 1,
                args.command_port,
                args.state_port
            );
        }
        println!("Ctrl-C stops.");
        tokio::signal::ctrl_c().await?;
        anyhow::Ok(())
    })
}
