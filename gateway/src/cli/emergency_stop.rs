//! `emergency-stop`: of the running gateway, which holds the latches.

use anyhow::Context as _;
use hyper::Method;

use super::args::{EmergencyStopArgs, EmergencyStopCommand};
use crate::control::{Client, ListedStop, StopRequest};

pub(super) fn emergency_stop(args: EmergencyStopArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Client::connect(super::state_dir(&config)).await;
        let gateway = gateway.context("no gateway runs on this state directory; start it first")?;
        let request = match args.command {
            EmergencyStopCommand::Status { json } => {
                let stops: Vec<ListedStop> = gateway
                    .json(Method::GET, "/emergency-stop", None::<&()>)
                    .await?;
                return show(&stops, json);
            }
            EmergencyStopCommand::Reset => StopRequest::Reset,
            EmergencyStopCommand::Override { bridge, reason } => {
                StopRequest::Override { bridge, reason }
            }
        };
        let done = gateway
            .text(Method::POST, "/emergency-stop", Some(&request))
            .await?;
        println!("{done}");
        Ok(())
    })
}

fn show(stops: &[ListedStop], json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(stops)?);
        return Ok(());
    }
    if stops.is_empty() {
        println!("no bridge is known to have an emergency stop");
    }
    for stop in stops {
        let latched = if stop.latched { ", latched" } else { "" };
        println!("{}: {}{latched}", stop.bridge, stop.state);
        if let Some(why) = &stop.refuses_takeoff {
            println!("    no take-off: {why}");
        }
    }
    Ok(())
}
