//! `notify`: the channels of the configuration, listed and tried. Needs no running
//! gateway; never prints what may be secret in an address.

use super::args::{NotifyArgs, NotifyCommand};
use crate::config::Config;
use crate::notify::{configured, send_test};

pub(super) fn notify(args: &NotifyArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    match &args.command {
        NotifyCommand::List { json } => list(&config, *json)?,
        NotifyCommand::Test { name } => {
            super::small_runtime()?.block_on(send_test(&config, name))?;
            println!("{name} took the test notification");
        }
    }
    Ok(())
}

fn list(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let channels = configured(config)?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&channels)?);
        return Ok(());
    }
    println!("{:<20} {:<13} {:<10} ADDRESS", "NAME", "KIND", "FROM LEVEL");
    for one in channels {
        let address = one.address.as_deref().unwrap_or("in a file");
        println!(
            "{:<20} {:<13} {:<10} {address}",
            one.name, one.kind, one.min_level
        );
    }
    Ok(())
}
