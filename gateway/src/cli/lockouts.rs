//! `lockouts`: of the running gateway; a gateway that does not run locks nobody out.

use anyhow::Context as _;
use hyper::Method;

use super::args::{LockoutsArgs, LockoutsCommand};
use crate::control::{Client, LiftRequest, ListedLockout};

pub(super) fn lockouts(args: LockoutsArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Client::connect(super::state_dir(&config)).await;
        let gateway = gateway.context(
            "no gateway runs on this state directory; lock-outs are forgotten when it stops",
        )?;
        match args.command {
            LockoutsCommand::List { json } => {
                let locked: Vec<ListedLockout> =
                    gateway.json(Method::GET, "/lockouts", None::<&()>).await?;
                show(&locked, json)
            }
            LockoutsCommand::Lift { address } => {
                let request = LiftRequest { address };
                let lifted = gateway
                    .text(Method::POST, "/lockouts/lift", Some(&request))
                    .await?;
                println!("let in again: {lifted}");
                Ok(())
            }
        }
    })
}

fn show(locked: &[ListedLockout], json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(locked)?);
        return Ok(());
    }
    println!("{:<42}  {:>8}  {:>9}", "ADDRESS", "ATTEMPTS", "ENDS IN");
    for one in locked {
        println!(
            "{:<42}  {:>8}  {:>7} s",
            one.address, one.failed_attempts, one.remaining_s
        );
    }
    Ok(())
}
