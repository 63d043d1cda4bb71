//! Disks that fill up, and that wear out. Mounting needs root and loop devices; `mount`
//! says so where it cannot.

use gateway_tests::Gateway;
use serde_json::Value;
use tokio::process::Command;

use super::machine::{Machine, says, value};
use super::{alert, is_over, pi, sensor, stands};

#[tokio::test]
async fn a_full_disk_is_told_and_taken_back() -> anyhow::Result<()> {
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(medium) = crate::durable::Medium::mount() else {
        return Ok(());
    };
    let root = medium.path().join("root");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(pi()?.root())
        .arg(&root)
        .status()
        .await?;
    anyhow::ensure!(copied.success(), "the tree is copied onto the medium");
    let gateway = Gateway::builder()
        .config(&format!("[board]\nroot = {root:?}\n"))
        .start()
        .await?;
    let admin = gateway.admin()?;
    medium.fill();
    let raised = alert(&admin, "Critical Disk Usage", stands).await?;
    assert_eq!(
        (&raised["metric"], &raised["level"]),
        (&"disk_usage".into(), &"critical".into()),
        "{raised}"
    );
    alert(&admin, "High Disk Usage", stands).await?;
    let page = admin.get("/metrics").await?.expect(200).text();
    assert!(page.contains("mfg_drone_alerts_unresolved 2.0\n"), "{page}");
    medium.free();
    for title in ["Critical Disk Usage", "High Disk Usage"] {
        alert(&admin, title, is_over).await?;
    }
    Ok(())
}

/// As from a card image: the root never fills, what is written lies elsewhere.
#[tokio::test]
async fn beside_a_read_only_root_the_disk_is_that_of_the_state_directory() -> anyhow::Result<()> {
    // Fails at the alert that does not come, or does not end.
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(root) = crate::durable::Medium::mount() else {
        return Ok(());
    };
    let Some(written) = crate::durable::Medium::mount() else {
        return Ok(());
    };
    root.remount("ro");
    let config = format!("[board]\nroot = {:?}\n", root.path());
    let gateway = Gateway::builder()
        .state(&written.state())
        .config(&config)
        .start()
        .await?;
    let admin = gateway.admin()?;
    written.fill();
    alert(&admin, "Critical Disk Usage", stands).await?;
    written.free();
    alert(&admin, "Critical Disk Usage", is_over).await?;
    Ok(())
}

/// What the package's timer leaves below `/run`; asked for real by `boards/tests/emulated`.
#[tokio::test]
async fn the_wear_of_an_nvme_disk_is_judged_while_it_is_of_now() -> anyhow::Result<()> {
    let board = Machine::new();
    board.put("sys/class/nvme/nvme0/serial", "S3CRET              \n");
    board.put("sys/class/nvme/nvme0/state", "live\n");
    board.put("proc/uptime", "100.00 9.00\n");
    // Nobody but root may ask, and there is no disk to be asked.
    let asked = Command::new(gateway_tests::gateway::binary())
        .args(["boards", "--tree"])
        .arg(board.at(""))
        .arg("ask-disks")
        .output()
        .await?;
    let why = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && why.contains("nvme0"), "{why}");
    // (The digits stand for the serial number.)
    let said = |used: u8, warnings: u8| {
        let line = format!("nvme1 99.00 {warnings} {used} 100 10 de60e7b7762f2bc7\n");
        board.put("run/mfg-drone-disks/nvme0", &line);
    };
    said(12, 0);
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    let name = "nvme:nvme0:life-used";
    value(&admin, name, 12.0).await?;
    said(83, 8);
    let worn = alert(&admin, "Storage Worn", stands).await?;
    assert!(says(&worn, name), "{worn}");
    let warns = alert(&admin, "Sensor Alarm", stands).await?;
    assert!(says(&warns, "takes no writes"), "{warns}");
    board.put("proc/uptime", "9000.00 9.00\n");
    let lost = |alert: &Value| stands(alert) && says(alert, name);
    let lost = alert(&admin, "Board Sensor Lost", lost).await?;
    assert!(says(&lost, "not asked for too long"), "{lost}");
    sensor(&admin, name, |sensor| sensor["state"] == "stale").await?;
    assert!(stands(&alert(&admin, "Storage Worn", |_| true).await?));
    Ok(())
}
