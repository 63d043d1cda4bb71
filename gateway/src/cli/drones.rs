//! `drones`: of the running gateway; a gateway that does not run knows no drone's number.

use anyhow::Context as _;
use hyper::Method;

use super::args::{DronesArgs, DronesCommand};
use crate::control::{AcceptSerial, Client};

pub(super) fn drones(args: DronesArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Client::connect(super::state_dir(&config)).await;
        let gateway = gateway.context("no gateway runs on this state directory; start it first")?;
        let DronesCommand::AcceptSerial { id } = args.command;
        let request = AcceptSerial { drone: id };
        let path = "/drones/accept-serial";
        let accepted = gateway.text(Method::POST, path, Some(&request)).await?;
        println!("accepted: {accepted}");
        Ok(())
    })
}
