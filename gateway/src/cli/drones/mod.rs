//! `drones`: what is not flying. Serial numbers are the running gateway's to accept; a drone
//! is told to join a network without it.

mod join;
mod secret;
mod table;

use anyhow::Context as _;
use hyper::Method;

use super::args::{ConfigArgs, DronesArgs, DronesCommand};
use crate::control::{AcceptSerial, Client};

pub(super) fn drones(args: DronesArgs) -> anyhow::Result<()> {
    match args.command {
        DronesCommand::AcceptSerial { id } => accept_serial(&args.config, id),
        DronesCommand::Join(join) => join::join(&args.config, &join),
    }
}

fn accept_serial(args: &ConfigArgs, id: String) -> anyhow::Result<()> {
    let config = super::load(args)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Client::connect(super::state_dir(&config)).await;
        let gateway = gateway.context("no gateway runs on this state directory; start it first")?;
        let request = AcceptSerial { drone: id };
        let path = "/drones/accept-serial";
        let accepted = gateway.text(Method::POST, path, Some(&request)).await?;
        println!("accepted: {accepted}");
        Ok(())
    })
}
