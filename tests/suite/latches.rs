//! Emergency stops and the medium: nothing waits for it, and what it does not take is said.

use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;

use crate::actions::Scene;
use crate::bridge_line::{alert, is_over, quiet, section, stands};
use crate::durable::Medium;

async fn is_saved(client: &Client, saved: bool) -> anyhow::Result<Value> {
    eventually("whether it is saved", || async {
        let stops = client.get("/api/emergency-stop").await?.expect(200).json();
        Ok((stops["saved"] == saved).then_some(stops))
    })
    .await
}

#[tokio::test]
async fn a_latch_that_is_not_saved_is_an_alert_until_it_is() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let config = quiet() + &section("mast", &port);
    let mut gateway = Gateway::builder()
        .drone("d1", 2)
        .config(&config)
        .start()
        .await?;
    let client = gateway.admin()?;
    is_saved(&client, true).await?;
    // The medium takes all but this file: a directory stands where it is written.
    let obstacle = gateway.state().join("emergency_stop.json.new");
    std::fs::create_dir(&obstacle)?;
    board.order("stop on").await?;
    let stops = is_saved(&client, false).await?;
    assert_eq!(stops["latched"], true, "it holds: {stops}");
    let raised = alert(
        &client,
        "Emergency Stop Not Saved",
        "emergency-stop",
        stands,
    )
    .await?;
    let words = raised["message"].as_str().expect("words");
    assert!(words.contains("do not restart"), "{words}");

    std::fs::remove_dir(&obstacle)?;
    is_saved(&client, true).await?;
    alert(
        &client,
        "Emergency Stop Not Saved",
        "emergency-stop",
        is_over,
    )
    .await?;
    gateway.kill().await?;
    gateway.restart().await?;
    let stops = is_saved(&gateway.admin()?, true).await?;
    assert_eq!(stops["latched"], true, "over a power cut: {stops}");
    Ok(())
}

#[tokio::test]
async fn an_emergency_stop_is_sent_though_the_medium_hangs() -> anyhow::Result<()> {
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(medium) = Medium::mount() else {
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let config = quiet() + &section("mast", &port);
    let builder = Gateway::builder().state(&medium.state()).config(&config);
    let scene = Scene::of(builder).await?;
    scene.fly(80).await?;
    // From here on no write ends: neither the alert's, nor the latch's, nor the record's.
    let frozen = medium.freeze();
    board.order("stop on").await?;
    scene.drone.obey("land").await?;
    drop(frozen);
    alert(&scene.client, "Emergency Stop", "bridge/mast", stands).await?;
    is_saved(&scene.client, true).await?;
    Ok(())
}
