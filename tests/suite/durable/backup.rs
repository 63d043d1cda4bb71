//! Copies of the state, taken back, and the state thrown away.

use std::path::PathBuf;

use gateway_tests::Gateway;

use super::{alert, alerts, battery, files, keys, make_key, watching};

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
