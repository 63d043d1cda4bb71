//! The real firmware in an emulator, end to end: its pins to HTTPS and back to
//! its lamp, and all that can happen to it and to its line.
//!
//! ```sh
//! firmware-bridge/firmware/test-emulated
//! ```
//!
//! builds the image, names it in `MFG_BRIDGE_IMAGE` and runs these tests, which are
//! ignored otherwise.

use std::path::PathBuf;

use anyhow::Context as _;
use gateway_tests::emulator::Emulator;
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;

use crate::bridge::metric;
use crate::bridge_line::{alert, bridge, everything, is_over, quiet, section, sensor, stands};

/// Names the image to run.
const IMAGE: &str = "MFG_BRIDGE_IMAGE";
/// Says how often the plug is pulled, where the usual number is not enough.
const REPLUGS: &str = "MFG_BRIDGE_REPLUGS";
/// How often it is pulled otherwise.
const USUAL_REPLUGS: u32 = 25;

fn image() -> anyhow::Result<PathBuf> {
    let image = std::env::var_os(IMAGE).context(format!(
        "{IMAGE} names none: run firmware-bridge/firmware/test-emulated"
    ))?;
    Ok(image.into())
}

/// A gateway with the emulated board as bridge `mast`, and a reading of it.
async fn met(board: &Emulator) -> anyhow::Result<(Gateway, Client)> {
    let gateway = Gateway::builder()
        .config(&(quiet() + &section("mast", &board.port())))
        .start()
        .await?;
    let admin = gateway.admin()?;
    sensor(&admin, "battery_voltage", is_fresh).await?;
    Ok((gateway, admin))
}

fn is_fresh(sensor: &Value) -> bool {
    sensor["state"] == "fresh"
}

/// Waits for readings that were taken from now on.
async fn new_readings(admin: &Client) -> anyhow::Result<()> {
    let before = metric(admin, "bridge_readings_total").await?;
    // As many as one frame that was under way could not bring.
    eventually("new readings", || async {
        Ok((metric(admin, "bridge_readings_total").await? >= before + 6.0).then_some(()))
    })
    .await
    .map(drop)
}

#[tokio::test]
#[ignore = "needs the firmware's image: firmware-bridge/firmware/test-emulated"]
async fn the_firmware_is_seen_and_heard_through_https() -> anyhow::Result<()> {
    // What is checked is the same for every board: `everything`.
    let image = image()?;
    let board = Emulator::start(&image).await?;
    everything(&board.port(), board.hands()).await
}

#[tokio::test]
#[ignore = "needs the firmware's image: firmware-bridge/firmware/test-emulated"]
async fn a_plug_pulled_again_and_again_leaves_nothing_behind() -> anyhow::Result<()> {
    let image = image()?;
    let replugs = std::env::var(REPLUGS)
        .ok()
        .map_or(Ok(USUAL_REPLUGS), |text| text.parse())?;
    let board = Emulator::start(&image).await?;
    let (gateway, admin) = met(&board).await?;
    for pull in 1..=replugs {
        let round = async {
            board.cable().unplug();
            bridge(&admin, "mast", |bridge| bridge["state"] == "lost")
                .await
                .context("lost")?;
            board.cable().plug_in()?;
            bridge(&admin, "mast", |bridge| bridge["state"] == "live")
                .await
                .context("live again")?;
            new_readings(&admin).await?;
            sensor(&admin, "battery_voltage", is_fresh).await.map(drop)
        };
        if let Err(error) = round.await {
            let health = admin.get("/api/health/detailed").await?.json();
            anyhow::bail!(
                "pull {pull}: {error:#}; {:#}; {}",
                health["bridges"],
                gateway.output()
            );
        }
    }
    assert!(metric(&admin, "bridge_connections_total").await? > f64::from(replugs));
    // The board was told what its lamp shows after each of them.
    let mut hands = board.hands();
    hands.stop(true).await?;
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    bridge(&admin, "mast", |bridge| bridge["indicator"] == "critical").await?;
    board.cable().unplug();
    bridge(&admin, "mast", |bridge| {
        bridge["emergency_stop"] == Value::Null
    })
    .await?;
    // Released while nobody listened: known when it is back.
    hands.stop(false).await?;
    board.cable().plug_in()?;
    alert(&admin, "Emergency Stop", "bridge/mast", is_over).await?;
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
    bridge(&admin, "mast", |bridge| bridge["indicator"] == "clear").await?;
    assert!(!gateway.output().contains("panicked"));
    Ok(())
}

#[tokio::test]
#[ignore = "needs the firmware's image: firmware-bridge/firmware/test-emulated"]
async fn an_emulator_stopped_killed_and_started_anew_is_lost_and_met_again() -> anyhow::Result<()> {
    let image = image()?;
    let mut board = Emulator::start(&image).await?;
    let (gateway, admin) = met(&board).await?;

    // The process stands still, its terminal is there.
    board.signal("STOP").await?;
    let lost = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
    assert!(
        lost["message"]
            .as_str()
            .unwrap()
            .contains("stopped talking"),
        "{lost}"
    );
    board.signal("CONT").await?;
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
    sensor(&admin, "battery_voltage", is_fresh).await?;

    // The terminal goes with it, and another comes.
    board.kill().await?;
    let lost = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
    assert!(
        lost["message"].as_str().unwrap().contains("went away"),
        "{lost}"
    );
    board.restart().await?;
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
    sensor(&admin, "battery_voltage", is_fresh).await?;

    // The firmware hangs, the watchdog bites: it restarts on an open line.
    let before = metric(&admin, "bridge_connections_total").await?;
    board.hands().hang().await?;
    eventually("a board that restarted by itself", || async {
        Ok((metric(&admin, "bridge_connections_total").await? > before).then_some(()))
    })
    .await?;
    new_readings(&admin).await?;
    assert!(!gateway.output().contains("panicked"));
    Ok(())
}

#[tokio::test]
#[ignore = "needs the firmware's image: firmware-bridge/firmware/test-emulated"]
async fn garbage_and_lost_and_broken_bytes_never_become_a_reading() -> anyhow::Result<()> {
    let image = image()?;
    let board = Emulator::start(&image).await?;
    let (_gateway, admin) = met(&board).await?;
    // One byte in a hundred breaks, one in two hundred is lost, both ways.
    board.spoil(5, 10);
    let before = metric(&admin, "bridge_readings_total").await?;
    for round in 0..5_u32 {
        let noise: Vec<u8> = (0..4_096_u32)
            .map(|n| ((n + round).wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        board.cable().inject(&noise);
        new_readings(&admin).await?;
    }
    eventually("readings in spite of it", || async {
        let crc_errors = metric(&admin, "bridge_crc_errors_total").await?;
        let lost = metric(&admin, "bridge_frames_lost_total").await?;
        let readings = metric(&admin, "bridge_readings_total").await?;
        Ok((crc_errors > 0.0 && lost > 0.0 && readings > before + 200.0).then_some(()))
    })
    .await?;
    assert!(metric(&admin, "bridge_garbage_bytes_total").await? >= 5.0 * 4_000.0);
    // The firmware gives 11.5 to 12 V and nothing else.
    let path = "/api/performance/metrics?metric_name=voltage&source=bridge/mast/battery_voltage&duration_minutes=0";
    let history = admin.get(path).await?.expect(200).json();
    let (min, max) = (&history["summary"]["min"], &history["summary"]["max"]);
    assert!(
        min.as_f64().unwrap() >= 11.5 && max.as_f64().unwrap() <= 12.0,
        "{history:#}"
    );
    board.spoil(0, 0);
    // Nothing is left of it.
    bridge(&admin, "mast", |bridge| {
        bridge["state"] == "live" && bridge["indicator"] == "clear"
    })
    .await?;
    let crc_errors = metric(&admin, "bridge_crc_errors_total").await?;
    new_readings(&admin).await?;
    assert!(
        metric(&admin, "bridge_crc_errors_total").await? <= crc_errors + 1.0,
        "one frame was under way"
    );
    Ok(())
}
