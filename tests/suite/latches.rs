//! Emergency stops and the medium: nothing waits for it, and what it does not take is said.

use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::{Client, Gateway, WebSocket, eventually};
use serde_json::Value;

use crate::actions::Scene;
use crate::bridge_line::{alert, is_over, quiet, section, stands};

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
#[expect(clippy::print_stdout, reason = "a figure, for `SPECIFICATION.md`")]
async fn an_emergency_stop_is_sent_before_any_alert_of_it_is_written() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let scene = Scene::new(&(quiet() + &section("mast", &port))).await?;
    scene.fly(80).await?;
    let mut events = WebSocket::open(&scene.client, "/ws?events=true", &[]).await?;
    board.order("stop on").await?;
    scene.drone.obey("land").await?;
    // An alert is an event once it is on the medium; a command, once it has left.
    let (mut sent, mut written) = (None, None);
    while sent.is_none() || written.is_none() {
        let event = events.next_of("event").await?["event"].take();
        let values = &event["values"];
        if event["kind"] == "guard" && values["state"] == "sent" {
            sent.get_or_insert(event);
        } else if values["change"] == "raised" && values["title"] == "Emergency Stop" {
            written.get_or_insert(event);
        }
    }
    let (sent, written) = (sent.expect("sent"), written.expect("written"));
    let place = |event: &Value| event["sequence"].as_u64().expect("a number");
    assert!(place(&sent) < place(&written), "{sent} {written}");
    println!(
        "sent at {}, the first alert on the medium at {}",
        sent["time"], written["time"]
    );
    Ok(())
}
