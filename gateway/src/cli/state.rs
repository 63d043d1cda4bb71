//! `backup`, `restore`, `reset`: the durable state as a whole.

use hyper::Method;
use store::{self, Store};

use super::args::{BackupArgs, ResetArgs, RestoreArgs};
use crate::control::{BackupRequest, Client};

pub(super) fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    let path = std::path::absolute(&args.file)?;
    anyhow::ensure!(
        !path.exists(),
        "{} exists already; backups never overwrite",
        path.display()
    );
    super::small_runtime()?.block_on(async {
        if let Some(gateway) = Client::connect(super::state_dir(&config)).await {
            gateway
                .text(
                    Method::POST,
                    "/backup",
                    Some(&BackupRequest { path: path.clone() }),
                )
                .await?;
        } else {
            let (store, _) = Store::open(super::state_dir(&config))?;
            store.backup_to(&path).await?;
            store.close().await;
        }
        println!("{}", path.display());
        anyhow::Ok(())
    })
}

pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    store::restore(&args.file, super::state_dir(&config))?;
    println!(
        "restored {} into {}",
        args.file.display(),
        super::state_dir(&config).display()
    );
    Ok(())
}

pub(super) fn reset(args: &ResetArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    let dir = super::state_dir(&config);
    anyhow::ensure!(
        args.yes,
        "this removes every key, certificate, alert and history in {}; repeat with --yes",
        dir.display()
    );
    super::owner::become_owner(dir)?;
    store::reset(dir)?;
    println!(
        "{} is empty; the next start makes new keys and certificates",
        dir.display()
    );
    Ok(())
}
