//! `keys`: through the running gateway when there is one, else on its store.

use access::{Access, preview};
use anyhow::Context as _;
use hyper::Method;
use store::Store;

use super::args::{KeysArgs, KeysCommand};
use crate::access_store::AccessStore;
use crate::config::Config;
use crate::control::{ACTOR, Client, ListedKey, MadeKey, NewKey};

pub(super) fn keys(args: KeysArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        match Client::connect(super::state_dir(&config)).await {
            Some(gateway) => through_gateway(&gateway, args.command).await,
            None => on_store(&config, args.command).await,
        }
    })
}

async fn through_gateway(gateway: &Client, command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::List { json } => {
            let keys: Vec<ListedKey> = gateway.json(Method::GET, "/keys", None::<&()>).await?;
            show(&keys, json)
        }
        KeysCommand::Create {
            name,
            permissions,
            expires_days,
        } => {
            let new = NewKey {
                name,
                permissions,
                expires_days,
            };
            let made: MadeKey = gateway.json(Method::POST, "/keys", Some(&new)).await?;
            announce(&made);
            Ok(())
        }
        KeysCommand::Revoke { key } => {
            let path = format!("/keys/{}", key.trim());
            let revoked: ListedKey = gateway.json(Method::DELETE, &path, None::<&()>).await?;
            println!("revoked {} ({})", revoked.preview, revoked.name);
            Ok(())
        }
        KeysCommand::Qr(args) => super::keys_qr::show(gateway, args).await,
    }
}

async fn on_store(config: &Config, command: KeysCommand) -> anyhow::Result<()> {
    let dir = super::state_dir(config);
    anyhow::ensure!(
        dir.exists(),
        "{} does not exist: the gateway has never run here",
        dir.display()
    );
    let (store, _) =
        Store::open(dir).context("the gateway does not run, and its store cannot be opened")?;
    // A store without keys gets its first pair from a start of the gateway,
    // which shows them: made here, nobody would ever see them.
    anyhow::ensure!(
        !store.keys().is_empty(),
        "{} holds no keys yet: start the gateway once, it makes the first two and prints them",
        dir.display()
    );
    let (access, first) =
        Access::open(&config.access, AccessStore::new(store.clone()), None, None).await?;
    if let Some(first) = first {
        eprintln!(
            "No key could administer any more, so one was made: {}\nKeep it: it is not shown again.",
            first.admin
        );
    }
    let outcome = match command {
        KeysCommand::List { json } => show(
            &access
                .keys()
                .iter()
                .map(ListedKey::from)
                .collect::<Vec<_>>(),
            json,
        ),
        KeysCommand::Create {
            name,
            permissions,
            expires_days,
        } => {
            let (api_key, record) = access
                .create_key(&name, &permissions, expires_days, ACTOR)
                .await?;
            announce(&MadeKey {
                api_key,
                preview: preview(&record.id),
            });
            Ok(())
        }
        KeysCommand::Revoke { key } => {
            let record = access.revoke_key(key.trim(), ACTOR).await?;
            println!("revoked {} ({})", preview(&record.id), record.name);
            Ok(())
        }
        KeysCommand::Qr(_) => Err(anyhow::anyhow!(
            "no gateway runs on this state directory, so there is nothing to sign in to; start it first"
        )),
    };
    store.close().await;
    outcome
}

fn announce(made: &MadeKey) {
    println!("{}", made.api_key);
    eprintln!(
        "Keep it: it is not shown again. Its preview is {}.",
        made.preview
    );
}

fn show(keys: &[ListedKey], json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(keys)?);
        return Ok(());
    }
    println!(
        "{:<11}  {:<24}  {:<28}  {:>9}  {:<20}  EXPIRES",
        "PREVIEW", "NAME", "PERMISSIONS", "USED", "LAST USED"
    );
    for key in keys {
        println!(
            "{:<11}  {:<24}  {:<28}  {:>9}  {:<20}  {}",
            key.preview,
            key.name,
            key.permissions.join(","),
            key.usage_count,
            key.last_used
                .as_deref()
                .map_or("never", |stamp| stamp.get(..19).unwrap_or(stamp)),
            key.expires_at
                .as_deref()
                .map_or("never", |stamp| stamp.get(..10).unwrap_or(stamp)),
        );
    }
    Ok(())
}
