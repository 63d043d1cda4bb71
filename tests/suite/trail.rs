//! The signed audit trail: what was done is there, and what was changed, cut out or taken
//! away afterwards is found.

use gateway_tests::{Gateway, eventually};
use http::Method;
use serde_json::json;

/// Makes a key of that name, and waits until the trail's file has it.
async fn done(gateway: &Gateway, name: &str) -> anyhow::Result<()> {
    let made = json!({ "name": name, "permissions": ["read"] });
    let admin = gateway.admin()?;
    admin
        .json(Method::POST, "/api/security/api-keys", &made)
        .await?
        .expect(200);
    let folder = gateway.state().join("recordings/audit");
    eventually("the name in a file of the trail", async || {
        let Ok(files) = std::fs::read_dir(&folder) else {
            return Ok(None);
        };
        let mut files = files.filter_map(|file| std::fs::read(file.ok()?.path()).ok());
        let has_it = |bytes: Vec<u8>| {
            bytes
                .windows(name.len())
                .any(|part| part == name.as_bytes())
        };
        Ok(files.any(has_it).then_some(()))
    })
    .await
}

/// The same, and ends the gateway, which closes the file.
async fn day(gateway: &mut Gateway, name: &str) -> anyhow::Result<()> {
    done(gateway, name).await?;
    anyhow::ensure!(gateway.stop().await?.success());
    Ok(())
}

/// What `recordings verify audit` says, and whether all is well.
async fn verified(gateway: &Gateway) -> anyhow::Result<(bool, String)> {
    let said = gateway.command(&["recordings", "verify", "audit"]);
    let said = { said }.output().await?;
    let words = String::from_utf8_lossy(&said.stdout).into_owned();
    Ok((said.status.success(), words))
}

#[tokio::test]
async fn the_signed_trail_tells_the_first_broken_link_and_the_missing_file() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    day(&mut gateway, "Tablet one").await?;
    for name in ["Tablet two", "Tablet three"] {
        gateway.restart().await?;
        day(&mut gateway, name).await?;
    }
    let (well, words) = verified(&gateway).await?;
    assert!(well, "{words}");
    for number in ["000001 whole", "000002 whole", "000003 whole"] {
        assert!(words.contains(number), "{words}");
    }
    let folder = gateway.state().join("recordings/audit");
    let second = folder.join("audit-000002.mfr");
    let told = gateway
        .command(&["recordings", "export", second.to_str().expect("text")])
        .output()
        .await?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("Tablet two") && told.contains("Admin"),
        "{told}"
    );
    // No flight, for whoever lists flights.
    let listed = gateway.command(&["recordings", "list", "--json"]);
    let listed = { listed }.output().await?;
    assert_eq!(String::from_utf8_lossy(&listed.stdout).trim(), "[]");

    // A name exchanged for another of the same length.
    let bytes = std::fs::read(&second)?;
    let at = bytes.windows(10).position(|part| part == b"Tablet two");
    let mut changed = bytes.clone();
    changed[at.expect("the name")] = b'F';
    std::fs::write(&second, &changed)?;
    let (well, words) = verified(&gateway).await?;
    assert!(
        !well && words.contains("000002 broken at link 1"),
        "{words}"
    );
    std::fs::remove_file(&second)?;
    let (well, words) = verified(&gateway).await?;
    assert!(!well && words.contains("broken before 000003"), "{words}");
    std::fs::write(&second, &bytes)?;
    assert!(verified(&gateway).await?.0);
    Ok(())
}

#[tokio::test]
async fn a_kill_costs_no_line_that_its_file_had() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    done(&gateway, "Tablet one").await?;
    gateway.kill().await?;
    // What a kill has left open is ended at the next line.
    gateway.restart().await?;
    day(&mut gateway, "Tablet two").await?;
    let (well, words) = verified(&gateway).await?;
    assert!(well && words.contains("000002 whole"), "{words}");
    let first = gateway.state().join("recordings/audit/audit-000001.mfr");
    assert!(
        String::from_utf8_lossy(&std::fs::read(first)?).contains("Tablet one"),
        "{words}"
    );
    Ok(())
}
