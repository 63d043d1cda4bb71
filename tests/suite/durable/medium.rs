//! A medium that is full, or takes no writes: a small file system of the test's own.

use std::path::PathBuf;
use std::process::Command;

use gateway_tests::eventually;

use super::{alert, alerts, battery, keys, make_key, watching};

/// A small file system of its own on a loop device.
pub(crate) struct Medium {
    dir: tempfile::TempDir,
}

impl Medium {
    /// None, said aloud, where this test may not mount.
    pub(crate) fn mount() -> Option<Medium> {
        Medium::mount_of(16 << 20)
    }

    /// The same of so many bytes.
    pub(crate) fn mount_of(bytes: u64) -> Option<Medium> {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        std::fs::create_dir(dir.path().join("medium")).unwrap();
        std::fs::File::create(&image)
            .unwrap()
            .set_len(bytes)
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

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("medium")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(crate) fn remount(&self, how: &str) {
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

    /// Lets every write wait, until what is returned is dropped: a medium that hangs.
    pub(crate) fn freeze(&self) -> Frozen {
        let frozen = Frozen(self.path());
        assert!(run("fsfreeze", &["--freeze", frozen.path()]), "freeze");
        frozen
    }

    /// Takes every byte that is left.
    pub(crate) fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.path().join("ballast")).unwrap();
        for size in [64 * 1024, 1024, 1] {
            while file.write_all(&vec![0x55; size]).is_ok() {}
        }
        file.sync_data().unwrap();
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        // Lazily: the gateway may be killed only after this.
        run("umount", &["-l", self.path().to_str().unwrap()]);
    }
}

/// A file system whose writes wait.
pub(crate) struct Frozen(PathBuf);

impl Frozen {
    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        run("fsfreeze", &["--unfreeze", self.path()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
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
