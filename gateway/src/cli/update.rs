//! `update`: the bundle straight into the spool, for somebody on the board
//! itself. The files are the interface, so it works without a running gateway.

use std::fs::File;
use std::io::Read as _;

use anyhow::Context as _;

use super::args::{UpdateArgs, UpdateCommand};
use crate::update::{InstallRequest, Spool};
use update_status::StatusFile;

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 * 1024;

pub(super) fn update(args: &UpdateArgs) -> anyhow::Result<()> {
    let spool = Spool::new(&super::load(&args.config)?.config.update);
    match &args.command {
        UpdateCommand::Status { json } => show(&spool.status()?, spool.is_waiting(), *json),
        UpdateCommand::Install {
            file,
            sha256,
            allow_downgrade,
        } => {
            let mut bundle = File::open(file).with_context(|| file.display().to_string())?;
            let mut incoming = spool.begin(bundle.metadata()?.len())?;
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let count = bundle
                    .read(&mut piece)
                    .with_context(|| file.display().to_string())?;
                if count == 0 {
                    break;
                }
                incoming.write(&piece[..count])?;
            }
            let install = InstallRequest {
                sha256: sha256.clone(),
                allow_downgrade: *allow_downgrade,
            };
            let id = incoming.finish(&install)?;
            println!("{id}");
            eprintln!(
                "Handed over: it is verified and installed, then the board restarts. Follow with `update status`."
            );
            Ok(())
        }
    }
}

fn show(status: &StatusFile, is_waiting: bool, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(status)?);
        return Ok(());
    }
    let state = if is_waiting {
        "waiting"
    } else {
        status.state.word()
    };
    let version = |version: &Option<String>| {
        version
            .clone()
            .unwrap_or_else(|| "nothing whole".to_owned())
    };
    println!("state    {state}");
    if let Some(percent) = status.progress_pct {
        println!("progress {percent} %");
    }
    if let Some(reason) = &status.reason {
        println!("reason   {reason}");
    }
    println!(
        "running  {} in slot {}",
        version(&status.running.version),
        status.running.slot
    );
    println!(
        "other    {} in slot {}",
        version(&status.other.version),
        status.other.slot
    );
    Ok(())
}
