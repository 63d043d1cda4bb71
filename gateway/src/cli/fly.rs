//! `fly`: one command to one drone of the running gateway.

use std::process::ExitCode;

use anyhow::Context as _;
use hyper::Method;

use super::args::FlyArgs;
use crate::control::{Client, FlyRequest};

/// Gives the command and says what came of it.
pub(super) fn fly(args: FlyArgs) -> anyhow::Result<ExitCode> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Client::connect(super::state_dir(&config)).await;
        let gateway = gateway.context("no gateway runs on this state directory; start it first")?;
        let request = FlyRequest {
            drone: args.drone,
            command: args.command.text,
        };
        let said = gateway.text(Method::POST, "/fly", Some(&request)).await?;
        println!("{said}");
        Ok(ExitCode::SUCCESS)
    })
}
