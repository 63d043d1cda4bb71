//! Nothing acknowledged is ever lost: kills, damage, a medium that is full or
//! takes no writes, clocks that jump, backup and restore.

mod backup;
mod clock;
mod medium;

use std::path::{Path, PathBuf};

use gateway_tests::{Answer, Client, Drone, Gateway, GatewayBuilder, crash, drone, eventually};
use serde_json::Value;

pub(crate) use medium::Medium;

async fn make_key(client: &Client, name: &str) -> anyhow::Result<Answer> {
    client
        .post(&format!(
            "/api/security/api-keys?name={name}&permissions=read"
        ))
        .await
}

async fn keys(client: &Client) -> anyhow::Result<Vec<String>> {
    let listed = client
        .get("/api/security/api-keys")
        .await?
        .expect(200)
        .json();
    let mut names: Vec<String> = listed["api_keys"]
        .as_object()
        .unwrap()
        .values()
        .map(|key| key["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    Ok(names)
}

async fn alerts(client: &Client, title: &str) -> anyhow::Result<Vec<Value>> {
    let listed = client.get("/api/alerts?limit=0").await?.expect(200).json();
    let wanted = |alert: &&Value| alert["title"] == title;
    Ok(listed["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(wanted)
        .cloned()
        .collect())
}

/// The first alert of that title, waited for.
async fn alert(client: &Client, title: &str) -> anyhow::Result<Value> {
    eventually(title, || async {
        Ok(alerts(client, title).await?.into_iter().next())
    })
    .await
}

fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let named = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(prefix)
    };
    std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(named)
        .collect()
}

/// A few kills in the ordinary run; `cargo run -p gateway-tests --bin crash` is
/// for many.
#[tokio::test]
async fn kills_under_load_lose_nothing() -> anyhow::Result<()> {
    let outcome = crash::run(crash::Plan {
        kills: 10,
        seed: 3,
        progress: 0,
    })
    .await?;
    assert!(
        outcome.kills >= 10 && outcome.acknowledged > 0,
        "{outcome:?}"
    );
    Ok(())
}

fn flip(store: &Path) {
    let mut bytes = std::fs::read(store).unwrap();
    bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 0xFF);
    std::fs::write(store, bytes).unwrap();
}

fn tear(store: &Path) {
    let bytes = std::fs::read(store).unwrap();
    std::fs::write(store, &bytes[..bytes.len() / 3]).unwrap();
}

fn remove(store: &Path) {
    std::fs::remove_file(store).unwrap();
}

#[tokio::test]
async fn a_damaged_store_starts_from_its_snapshot_and_says_what_was_lost() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    make_key(&admin, "before").await?.expect(200);
    assert!(gateway.stop().await?.success());
    // Without its journal the store takes a snapshot at once.
    for journal in files(gateway.state(), "journal-") {
        std::fs::remove_file(journal)?;
    }
    gateway.restart().await?;
    eventually("the snapshot", || async {
        Ok(files(gateway.state(), "snapshot-").pop())
    })
    .await?;
    make_key(&admin, "after").await?.expect(200);

    let store = gateway.state().join("gateway.redb");
    type Damage = fn(&Path);
    let damages: [(Damage, &str); 3] = [(flip, "kept as"), (tear, "kept as"), (remove, "missing")];
    for (round, (damage, wanted)) in damages.into_iter().enumerate() {
        assert!(gateway.stop().await?.success());
        damage(&store);
        gateway.restart().await?;
        let names = keys(&admin).await?;
        assert!(
            names.contains(&"before".to_owned()) && names.contains(&"after".to_owned()),
            "{names:?}"
        );
        let told = eventually("the alert about the loss", || async {
            let told = alerts(&admin, "Stored Data Lost").await?;
            Ok((told.len() == round + 1).then(|| told[0].clone()))
        })
        .await?;
        let message = told["message"].as_str().unwrap();
        assert_eq!(told["level"], "critical", "{told:#}");
        assert!(
            message.contains("rebuilt from snapshot-") && message.contains(wanted),
            "{message}"
        );
        assert!(
            message.contains("history"),
            "it says what may be lost: {message}"
        );
        for word in message
            .split_whitespace()
            .filter(|word| word.starts_with("gateway.redb.corrupt-"))
        {
            assert!(gateway.state().join(word).exists(), "{message}");
        }
    }
    // Told once each, and theirs to resolve: a further start adds and ends none.
    gateway.kill().await?;
    gateway.restart().await?;
    let told = alerts(&admin, "Stored Data Lost").await?;
    assert_eq!(told.len(), 3);
    assert!(
        told.iter().all(|alert| alert["resolved"] == false),
        "{told:#?}"
    );
    Ok(())
}

/// A gateway with a drone whose low battery is an alert at once.
fn watching(state: &Path) -> GatewayBuilder {
    Gateway::builder().drone("d1", 2).state(state).config(
        "[[alerts.rule]]\nname = \"Edge\"\nmetric = \"battery_level\"\noperator = \"<\"\nthreshold = 50\n\
         level = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 5\nauto_resolve = false\n",
    )
}

async fn battery(gateway: &Gateway, percent: u8) -> anyhow::Result<Drone> {
    let peer = Drone::at(gateway.block().host(2)).await?;
    send_battery(gateway, &peer, percent).await?;
    Ok(peer)
}

async fn send_battery(gateway: &Gateway, peer: &Drone, percent: u8) -> anyhow::Result<()> {
    peer.send(
        (gateway.block().gateway(), drone::STATE_PORT).into(),
        &drone::state(percent, 60),
    )
    .await
}
