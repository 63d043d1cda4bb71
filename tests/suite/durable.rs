//! Nothing acknowledged is ever lost: kills, damage, a medium that is full or
//! takes no writes, clocks that jump, backup and restore.

use std::path::{Path, PathBuf};
use std::process::Command;

use gateway_tests::{Answer, Client, Drone, Gateway, GatewayBuilder, crash, drone, eventually};
use serde_json::Value;

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

/// A small file system of its own on a loop device.
pub(super) struct Medium {
    dir: tempfile::TempDir,
}

impl Medium {
    /// None, said aloud, where this test may not mount.
    pub(super) fn mount() -> Option<Medium> {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        std::fs::create_dir(dir.path().join("medium")).unwrap();
        std::fs::File::create(&image)
            .unwrap()
            .set_len(16 << 20)
            .unwrap();
        let medium = Medium { dir };
        let made = run(
            "mkfs.ext4",
            &["-q", "-F", "-m", "0", image.to_str().unwrap()],
        ) && run(
            "mount",
            &[
                "-o",
                "loop",
                image.to_str().unwrap(),
                medium.path().to_str().unwrap(),
            ],
        );
        if !made {
            gateway_tests::skipped(
                "no file system can be mounted here; run as root with mkfs.ext4 and loop devices",
            );
            return None;
        }
        Some(medium)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("medium")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(super) fn remount(&self, how: &str) {
        assert!(
            run(
                "mount",
                &[
                    "-o",
                    &format!("remount,{how}"),
                    self.path().to_str().unwrap()
                ]
            ),
            "remount {how}"
        );
    }

    /// Takes every byte that is left.
    pub(super) fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.path().join("ballast")).unwrap();
        for size in [64 * 1024, 1024, 1] {
            while file.write_all(&vec![0x55; size]).is_ok() {}
        }
        file.sync_data().unwrap();
    }

    pub(super) fn free(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        // Lazily: the gateway may be killed only after this.
        run("umount", &["-l", self.path().to_str().unwrap()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
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

#[tokio::test]
async fn a_full_medium_refuses_changes_and_heals_by_itself() -> anyhow::Result<()> {
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(medium) = Medium::mount() else {
        return Ok(());
    };
    let mut gateway = watching(&medium.state()).start().await?;
    let admin = gateway.admin()?;
    make_key(&admin, "before").await?.expect(200);
    medium.fill();

    // What still fits is acknowledged and must stay; then comes the refusal.
    let mut acknowledged = vec!["before".to_owned()];
    let refused = loop {
        let name = format!("full{}", acknowledged.len());
        let answer = make_key(&admin, &name).await?;
        if answer.status != 200 {
            break answer;
        }
        acknowledged.push(name);
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["error_code"], "STORAGE_UNAVAILABLE");
    let unavailable = alert(&admin, "Storage Unavailable").await?;
    assert_eq!(
        (&unavailable["level"], &unavailable["resolved"]),
        (&"critical".into(), &false.into())
    );

    // Reading and alerting go on from memory.
    let _peer = battery(&gateway, 40).await?;
    let id = alert(&admin, "Edge").await?["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let denied = admin.post(&format!("/api/alerts/{id}/acknowledge")).await?;
    assert_eq!(
        (denied.status.as_u16(), &denied.json()["error_code"]),
        (503, &"STORAGE_UNAVAILABLE".into())
    );

    medium.free();
    eventually("writes again", || async {
        let healed = make_key(&admin, "healed").await?;
        Ok((healed.status == 200).then_some(()))
    })
    .await?;
    acknowledged.push("healed".to_owned());
    eventually("the end of the alert", || async {
        Ok(alerts(&admin, "Storage Unavailable").await?[0]["resolved"]
            .as_bool()
            .filter(|resolved| *resolved))
    })
    .await?;
    admin
        .post(&format!("/api/alerts/{id}/acknowledge"))
        .await?
        .expect(200);

    gateway.kill().await?;
    gateway.restart().await?;
    let names = keys(&admin).await?;
    for name in &acknowledged {
        assert_eq!(
            names.iter().filter(|other| *other == name).count(),
            1,
            "{name} of {names:?}"
        );
    }
    let edge = alerts(&admin, "Edge").await?;
    assert!(
        edge.len() == 1 && edge[0]["id"] == *id && edge[0]["acknowledged"] == true,
        "{edge:#?}"
    );
    gateway.kill().await
}

#[tokio::test]
async fn a_read_only_medium_is_read_refuses_changes_and_heals() -> anyhow::Result<()> {
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(medium) = Medium::mount() else {
        return Ok(());
    };
    let mut gateway = watching(&medium.state()).start().await?;
    let admin = gateway.admin()?;
    make_key(&admin, "before").await?.expect(200);
    assert!(gateway.stop().await?.success());
    medium.remount("ro");
    gateway.restart().await?;
    assert!(keys(&admin).await?.contains(&"before".to_owned()));
    let refused = make_key(&admin, "refused").await?;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error_code"]),
        (503, &"STORAGE_UNAVAILABLE".into())
    );
    alert(&admin, "Storage Unavailable").await?;
    let _peer = battery(&gateway, 40).await?;
    alert(&admin, "Edge").await?;

    medium.remount("rw");
    eventually("writes again", || async {
        Ok((make_key(&admin, "healed").await?.status == 200).then_some(()))
    })
    .await?;
    gateway.kill().await?;
    gateway.restart().await?;
    let names = keys(&admin).await?;
    assert!(
        ["before", "healed"]
            .iter()
            .all(|name| names.iter().any(|other| other == name)),
        "{names:?}"
    );
    assert!(
        !names.contains(&"refused".to_owned()),
        "refused is refused: {names:?}"
    );
    gateway.kill().await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_backup_of_the_running_gateway_restores_and_a_tampered_one_is_refused()
-> anyhow::Result<()> {
    let outside = tempfile::tempdir()?;
    let file = outside.path().join("backup");
    let file = file.to_str().unwrap();
    let mut gateway = watching(&outside.path().join("state")).start().await?;
    let admin = gateway.admin()?;
    make_key(&admin, "kept").await?.expect(200);
    let _peer = battery(&gateway, 40).await?;
    let id = alert(&admin, "Edge").await?["id"].clone();
    let backup = gateway.command(&["backup", file]).output().await?;
    assert!(backup.status.success(), "{}", text(&backup.stderr));
    let again = gateway.command(&["backup", file]).output().await?;
    assert!(
        text(&again.stderr).contains("never overwrite"),
        "{}",
        text(&again.stderr)
    );
    make_key(&admin, "later").await?.expect(200);

    let while_running = gateway.command(&["restore", file]).output().await?;
    let complaint = text(&while_running.stderr);
    assert!(
        !while_running.status.success() && complaint.contains(&gateway.pid().unwrap().to_string()),
        "{complaint}"
    );
    assert!(gateway.stop().await?.success());

    let bytes = std::fs::read(file)?;
    let tampered = outside.path().join("tampered");
    for place in [0, bytes.len() / 2, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        std::fs::write(&tampered, bytes)?;
        let refused = gateway
            .command(&["restore", tampered.to_str().unwrap()])
            .output()
            .await?;
        assert!(
            !refused.status.success() && text(&refused.stderr).contains("refused"),
            "{}",
            text(&refused.stderr)
        );
    }
    gateway.restart().await?;
    assert!(
        keys(&admin).await?.contains(&"later".to_owned()),
        "a refused restore leaves all as it was"
    );
    assert!(gateway.stop().await?.success());

    let restored = gateway.command(&["restore", file]).output().await?;
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    gateway.restart().await?;
    let names = keys(&admin).await?;
    assert!(
        names.contains(&"kept".to_owned()) && !names.contains(&"later".to_owned()),
        "{names:?}"
    );
    assert_eq!(alerts(&admin, "Edge").await?[0]["id"], id);
    assert!(
        alerts(&admin, "Stored Data Lost").await?.is_empty(),
        "restored is not lost"
    );
    Ok(())
}

#[tokio::test]
async fn a_factory_reset_leaves_nothing() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    make_key(&gateway.admin()?, "gone").await?.expect(200);
    let running = gateway.command(&["reset", "--yes"]).output().await?;
    assert!(!running.status.success(), "a running gateway is not wiped");
    assert!(gateway.stop().await?.success());
    assert!(
        !gateway.command(&["reset"]).output().await?.status.success(),
        "asks first"
    );
    assert!(!files(gateway.state(), "gateway.redb").is_empty());
    let done = gateway.command(&["reset", "--yes"]).output().await?;
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(files(gateway.state(), ""), Vec::<PathBuf>::new());
    gateway.restart().await?;
    assert!(!keys(&gateway.admin()?).await?.contains(&"gone".to_owned()));
    assert!(
        alerts(&gateway.admin()?, "Stored Data Lost")
            .await?
            .is_empty(),
        "wiped on purpose is not lost"
    );
    Ok(())
}

/// Where Debian's `libfaketime` is, said aloud when it is not there.
fn false_clock() -> Option<String> {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|arch| format!("/usr/lib/{arch}/faketime/libfaketime.so.1"));
    let found = places.into_iter().find(|path| Path::new(path).exists());
    if found.is_none() {
        gateway_tests::skipped("no libfaketime; install the Debian package `faketime`");
    }
    found
}

#[tokio::test]
async fn clocks_that_jump_by_years_change_nothing() -> anyhow::Result<()> {
    // Needs the package faketime; `false_clock` says so where it is not there.
    let Some(library) = false_clock() else {
        return Ok(());
    };
    let outside = tempfile::tempdir()?;
    let clock = outside.path().join("clock");
    // Written aside and renamed: the library must not read half of it.
    let set = |offset: &str| {
        std::fs::write(outside.path().join("next"), offset).unwrap();
        std::fs::rename(outside.path().join("next"), &clock).unwrap();
    };
    set("+0");
    // Plain HTTP: a client's view of certificates is not the subject here.
    let mut gateway = watching(&outside.path().join("state"))
        .plain_http()
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start()
        .await?;
    let admin = Client::plain(gateway.plain_address()).with_key(gateway_tests::gateway::ADMIN_KEY);
    let year = |answer: Value| {
        answer["timestamp"].as_str().unwrap()[..4]
            .parse::<i32>()
            .unwrap()
    };
    let now = year(admin.get("/health").await?.expect(200).json());
    make_key(&admin, "kept").await?.expect(200);
    let peer = battery(&gateway, 40).await?;
    let id = alert(&admin, "Edge").await?["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .post(&format!("/api/alerts/{id}/acknowledge"))
        .await?
        .expect(200);

    for (offset, shown) in [("+3653d", now + 10), ("-3653d", now - 10), ("+0", now)] {
        set(offset);
        assert!(
            (year(admin.get("/health").await?.expect(200).json()) - shown).abs() <= 1,
            "{offset} is not in force"
        );
        // The condition ends and comes back: the cool-down of five minutes
        // still runs, whatever the wall clock says.
        send_battery(&gateway, &peer, 60).await?;
        eventually("the end of the condition", || async {
            let edge = alerts(&admin, "Edge").await?;
            let drones = admin.get("/api/dashboard/drones").await?.expect(200).text();
            Ok((edge.len() != 1 || drones.contains("60")).then_some(()))
        })
        .await?;
        send_battery(&gateway, &peer, 40).await?;
        make_key(&admin, &format!("at{}", &offset[1..]))
            .await?
            .expect(200);
        assert_eq!(
            alerts(&admin, "Edge").await?.len(),
            1,
            "{offset}: the cool-down was cut short"
        );
    }

    // Starts with a wrong clock, and without one: a board without a battery
    // wakes in 1970.
    for offset in ["+3653d", "-3653d", "@1970-01-01 00:00:10", "+0"] {
        set(offset);
        gateway.kill().await?;
        gateway.restart().await?;
        let names = keys(&admin).await?;
        assert!(
            ["kept", "at3653d", "at0"]
                .iter()
                .all(|name| names.iter().any(|other| other == name)),
            "{names:?}"
        );
        let kept = alerts(&admin, "Edge").await?;
        let kept: Vec<_> = kept.iter().filter(|alert| alert["id"] == *id).collect();
        assert!(
            kept.len() == 1 && kept[0]["acknowledged"] == true,
            "{offset}: {kept:#?}"
        );
        let name = format!("start{}", offset.len());
        make_key(&admin, &name).await?;
        assert!(keys(&admin).await?.contains(&name), "{offset}");
    }
    assert!(alerts(&admin, "Stored Data Lost").await?.is_empty());
    Ok(())
}
