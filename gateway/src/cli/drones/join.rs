//! `drones join`: an EDU or a TT leaves its own network for the site's, and is found there
//! again by its serial number.
//!
//! Everything that can be known is looked at before the drone is told anything, and how to
//! undo it is said before it is asked for: a wrong password makes a drone unreachable.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tello::join::Network;

use super::{secret, table};
use crate::cli::args::{ConfigArgs, JoinArgs};
use crate::config::{Config, Loaded, Range};
use crate::sources::tello::{Found, JOIN_RESET as RESET, Look, Met, Talk};
use crate::sources::tello::{
    find_by_serial, interface_refusal, joined_table, look_for_network, somebody_flies,
};

pub(super) fn join(config_args: &ConfigArgs, args: &JoinArgs) -> anyhow::Result<()> {
    let loaded = crate::cli::load(config_args)?;
    crate::cli::small_runtime()?.block_on(run(&loaded, config_args, args))
}

async fn run(loaded: &Loaded, config_args: &ConfigArgs, args: &JoinArgs) -> anyhow::Result<()> {
    let config = &loaded.config;
    let ranges = ranges(config, args)?;
    // Judged before anything else, so that nobody types a secret in vain.
    if let Some(why) = interface_refusal(&args.interface) {
        bail!("{why}");
    }
    nobody_flies(config)?;
    let to = SocketAddr::new(args.address.into(), config.drones.command_port);
    let talk = Talk::open(config.drones.bind, &args.interface, to)
        .with_context(|| format!("{} cannot be used", args.interface))?;
    let who = talk
        .meet()
        .await
        .with_context(|| format!("the drone at {to} by {}", args.interface))?;
    println!("drone {}, SDK {}", who.serial, version(&who.sdk));
    talk.rests().await.with_context(|| who.serial.clone())?;
    judge(&look_for_network(&args.interface, &args.ssid).await, args)?;
    println!("\n{RESET}\n");
    confirm(&who, args)?;
    let network = Network::new(&args.ssid, &secret::read(args.password_file.as_deref())?)?;
    // Somebody may have typed for minutes.
    nobody_flies(config)?;
    talk.rests().await.with_context(|| who.serial.clone())?;
    talk.tell(&network)
        .await
        .with_context(|| who.serial.clone())?;
    println!(
        "told; it restarts. Looking for {} by its serial number …",
        who.serial
    );
    let wanted = (who.serial.as_str(), args.interface.as_str());
    let patience = Duration::from_secs(args.wait.into());
    let found = find_by_serial(&config.drones, &ranges, wanted, patience).await;
    let Some(found) = found else {
        let searched: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        bail!(
            "{} was not found within {} s in {}. Is the board in the site's network, and is that it \
             (--network)? {RESET}",
            who.serial,
            args.wait,
            searched.join(", ")
        );
    };
    println!("found at {} by {}", found.address, found.interface);
    tell_table(loaded, config_args, args, (&who, &found))
}

/// What may be searched for it.
fn ranges(config: &Config, args: &JoinArgs) -> anyhow::Result<Vec<Range>> {
    let given = match args.network.is_empty() {
        true => &config.drones.scan_ranges,
        false => &args.network,
    };
    let ranges: Result<Vec<Range>, _> = given.iter().map(|text| Range::parse(text)).collect();
    let ranges = ranges?;
    ensure!(
        !ranges.is_empty(),
        "nothing may be searched: name the site's network with --network, or set drones.scan_ranges"
    );
    Ok(ranges)
}

/// Nobody is searched for while a drone may be in the air, as by the gateway itself.
fn nobody_flies(config: &Config) -> anyhow::Result<()> {
    match somebody_flies(crate::cli::state_dir(config)) {
        Some(drone) => bail!("{drone} may be in the air: land it first"),
        None => Ok(()),
    }
}

/// `20` is 2.0.
fn version(sdk: &str) -> String {
    match sdk.as_bytes() {
        [major, minor] => format!("{}.{}", char::from(*major), char::from(*minor)),
        _ => sdk.to_owned(),
    }
}

/// Says what was heard of the network; refuses one that cannot be joined.
fn judge(look: &Look, args: &JoinArgs) -> anyhow::Result<()> {
    let ssid = &args.ssid;
    let Some(hindrance) = look.hindrance(ssid) else {
        println!("network {ssid}: {look}");
        return Ok(());
    };
    ensure!(
        args.anyway,
        "{hindrance}. --anyway tells the drone all the same"
    );
    println!("{hindrance}; going on");
    Ok(())
}

fn confirm(who: &Met, args: &JoinArgs) -> anyhow::Result<()> {
    if args.yes {
        return Ok(());
    }
    let input = std::io::stdin();
    ensure!(
        input.is_terminal(),
        "nobody is there to ask; --yes goes on without"
    );
    print!("Tell {} to join {}? [y/N] ", who.serial, args.ssid);
    std::io::stdout().flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    let is_yes = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
    ensure!(is_yes, "nothing was sent");
    Ok(())
}

/// Writes the drone's table where it belongs, or prints it.
fn tell_table(
    loaded: &Loaded,
    config_args: &ConfigArgs,
    args: &JoinArgs,
    (who, found): (&Met, &Found),
) -> anyhow::Result<()> {
    let drones = &loaded.config.drones.drone;
    let known = drones
        .iter()
        .find(|drone| drone.serial.as_deref() == Some(&who.serial));
    if let Some(drone) = known {
        println!(
            "{} is configured as {}. Its table needs address = \"{}\", and no interface.",
            who.serial, drone.id, found.address
        );
        return Ok(());
    }
    let taken = |id: &str| drones.iter().any(|drone| drone.id == id);
    let id = match &args.id {
        Some(id) if taken(id) => bail!("there is a drone {id} already; choose another --id"),
        Some(id) => id.clone(),
        None => table::free_id(taken),
    };
    let text = joined_table(&id, found.address, &who.serial);
    if args.write {
        let file = table::append(loaded, config_args, &text)?;
        println!("{text}\nwritten to {}; restart the gateway", file.display());
    } else {
        println!("for the configuration (--write adds it):\n\n{text}");
    }
    println!(
        "Have the site's router give {} that address always.",
        who.serial
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_as_people_say_them() {
        assert_eq!((version("20"), version("30")), ("2.0".into(), "3.0".into()));
        assert_eq!(version("301"), "301");
    }
}
