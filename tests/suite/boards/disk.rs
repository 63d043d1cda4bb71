//! Disks that fill up. Mounting needs root and loop devices; `mount` says so where it
//! cannot.

use gateway_tests::Gateway;
use tokio::process::Command;

use super::{alert, is_over, pi, stands};

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
