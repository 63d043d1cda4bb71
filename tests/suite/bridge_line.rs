//! What holds for any board on a serial line, from its pins to HTTPS and back to
//! its lamp: checked on the simulated board here, and on whatever board somebody
//! gives by the environment:
//!
//! ```sh
//! firmware-bridge/firmware/emulate /tmp/bridge-emulated &
//! MFG_BRIDGE_PTY=/tmp/bridge-emulated/tty cargo test -p gateway-tests --test suite -- --ignored bridge_line
//! ```
//!
//! Beside that path, sockets `pins` and `monitor` stand in for hands, as
//! `firmware-bridge/firmware/emulate` makes them. `bridge_emulated` starts an
//! emulator by itself and does more to it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use gateway_tests::bridge::{Hands, SimulatedBoard};
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;

/// No alerts but those of bridges: what this machine is busy with must not
/// light their lamps.
const QUIET: [&str; 6] = [
    "High CPU Usage",
    "Critical CPU Usage",
    "High Memory Usage",
    "Critical Memory Usage",
    "High Disk Usage",
    "Critical Disk Usage",
];

pub(crate) fn quiet() -> String {
    let rule = |name: &str| {
        format!(
            "[[alerts.rule]]\nname = \"{name}\"\nmetric = \"cpu_usage\"\noperator = \">\"\nthreshold = 100\n\
             level = \"info\"\nenabled = false\n"
        )
    };
    format!("[board]\nenabled = false\n{}", QUIET.map(rule).concat())
}

/// A `[[bridge]]` of three cells.
pub(crate) fn section(name: &str, port: &Path) -> String {
    format!("[[bridge]]\nname = \"{name}\"\nselector = {port:?}\nbattery_cells = 3\n")
}

/// The bridge of that name in health, once it `is` as wanted.
pub(crate) async fn bridge(
    client: &Client,
    name: &str,
    is: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    eventually(&format!("bridge {name}"), || async {
        let health = client.get("/api/health/detailed").await?.expect(200).json();
        let bridges = health["bridges"].as_array().unwrap();
        Ok(bridges
            .iter()
            .find(|bridge| bridge["name"] == name && is(bridge))
            .cloned())
    })
    .await
}

/// The sensor of a bridge, once it `is` as wanted.
pub(crate) async fn sensor(
    client: &Client,
    name: &str,
    is: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let of = |bridge: &Value| {
        bridge["sensors"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["name"] == name && is(s))
            .cloned()
    };
    Ok(of(&bridge(client, "mast", |bridge| of(bridge).is_some()).await?).unwrap())
}

/// The newest alert of that title about `subject`, once it `is` as wanted.
pub(crate) async fn alert(
    client: &Client,
    title: &str,
    subject: &str,
    is: fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    eventually(&format!("{title} of {subject}"), || async {
        let alerts = client.get("/api/alerts?limit=0").await?.expect(200).json();
        let mut alerts = alerts["alerts"].as_array().unwrap().iter();
        let newest = alerts.find(|alert| alert["title"] == title && alert["subject"] == subject);
        Ok(newest.filter(|alert| is(alert)).cloned())
    })
    .await
}

pub(crate) fn stands(alert: &Value) -> bool {
    alert["resolved"] == false
}

pub(crate) fn is_over(alert: &Value) -> bool {
    alert["resolved"] == true
}

#[tokio::test]
async fn a_simulated_board_is_seen_and_heard_through_https() -> anyhow::Result<()> {
    // What is checked is the same for every board: `everything`.
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("board");
    let board = SimulatedBoard::plug_in(&port).await?;
    everything(&port, Hands::Simulated(Box::new(board))).await
}

#[tokio::test]
#[ignore = "needs a board, named by MFG_BRIDGE_PTY: the head of this file says how"]
async fn a_board_given_by_the_environment_is_seen_and_heard_through_https() -> anyhow::Result<()> {
    // What is checked is the same for every board: `everything`.
    let port =
        PathBuf::from(std::env::var_os("MFG_BRIDGE_PTY").context("MFG_BRIDGE_PTY names no board")?);
    let folder = port.parent().unwrap_or(Path::new("/")).to_owned();
    everything(&port, Hands::Emulated(folder)).await
}

pub(crate) async fn everything(port: &Path, mut hands: Hands) -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .config(&(quiet() + &section("mast", port)))
        .start()
        .await?;
    let admin = gateway.admin()?;
    readings_with_history(&admin).await?;
    stop_and_lamp(&admin, &mut hands).await?;
    low_battery(&admin, &mut hands).await?;
    broken_sensor(&admin, &mut hands).await?;
    pressed_button(&admin, &mut hands).await?;
    frozen_board(&admin, &mut hands).await
}

async fn readings_with_history(admin: &Client) -> anyhow::Result<()> {
    let fresh = |sensor: &Value| sensor["state"] == "fresh";
    let voltage = sensor(admin, "battery_voltage", fresh).await?;
    assert_eq!(
        (&voltage["kind"], &voltage["unit"]),
        (&"voltage".into(), &"V".into())
    );
    assert_eq!(
        (&voltage["metric"], &voltage["source"]),
        (&"voltage".into(), &"bridge/mast/battery_voltage".into())
    );
    let value = voltage["value"].as_f64().unwrap();
    assert!(
        voltage["range"][0].as_f64().unwrap() <= value
            && value <= voltage["range"][1].as_f64().unwrap()
    );
    sensor(admin, "board_temperature", fresh).await?;
    let path = "/api/performance/metrics?metric_name=voltage&source=bridge/mast/battery_voltage";
    eventually("history", || async {
        let history = admin.get(path).await?.expect(200).json();
        Ok((history["total_count"].as_u64() > Some(0)).then_some(()))
    })
    .await?;
    let page = admin.get("/metrics").await?.expect(200).text();
    for line in [
        "mfg_drone_bridge_up{bridge=\"mast\"} 1",
        "mfg_drone_bridge_sensor_value{bridge=\"mast\",sensor=\"battery_voltage\"",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    let services = admin.get("/api/dashboard/health").await?.expect(200).json();
    assert_eq!(
        services["services"]["bridges"]["status"], "healthy",
        "{services:#}"
    );
    Ok(())
}

async fn stop_and_lamp(admin: &Client, hands: &mut Hands) -> anyhow::Result<()> {
    bridge(admin, "mast", |bridge| {
        bridge["indicator"] == "clear" && bridge["emergency_stop"] == false
    })
    .await?;
    hands.stop(true).await?;
    let stop = alert(admin, "Emergency Stop", "bridge/mast", stands).await?;
    assert_eq!(
        (&stop["level"], &stop["metric"]),
        (&"critical".into(), &"emergency_stop".into())
    );
    bridge(admin, "mast", |bridge| {
        bridge["indicator"] == "critical" && bridge["emergency_stop"] == true
    })
    .await?;
    hands.stop(false).await?;
    alert(admin, "Emergency Stop", "bridge/mast", is_over).await?;
    bridge(admin, "mast", |bridge| bridge["indicator"] == "clear").await?;
    Ok(())
}

async fn low_battery(admin: &Client, hands: &mut Hands) -> anyhow::Result<()> {
    let source = "bridge/mast/battery_voltage";
    hands.empty_battery(true).await?;
    let low = alert(admin, "Low Battery Voltage (mast)", source, stands).await?;
    assert_eq!(
        (&low["value"], &low["threshold"]),
        (&9.0.into(), &10.5.into())
    );
    alert(admin, "Critical Battery Voltage (mast)", source, stands).await?;
    hands.empty_battery(false).await?;
    alert(admin, "Low Battery Voltage (mast)", source, is_over).await?;
    alert(admin, "Critical Battery Voltage (mast)", source, is_over).await?;
    Ok(())
}

async fn broken_sensor(admin: &Client, hands: &mut Hands) -> anyhow::Result<()> {
    hands.break_sensor(true).await?;
    let broken = sensor(admin, "board_temperature", |sensor| {
        sensor["state"] == "stale"
    })
    .await?;
    assert!(
        broken["reason"]
            .as_str()
            .unwrap()
            .contains("does not answer"),
        "{broken}"
    );
    let lost = alert(
        admin,
        "Bridge Sensor Lost",
        "bridge/mast/board_temperature",
        stands,
    )
    .await?;
    assert!(
        lost["message"]
            .as_str()
            .unwrap()
            .contains("does not answer"),
        "{lost}"
    );
    hands.break_sensor(false).await?;
    sensor(admin, "board_temperature", |sensor| {
        sensor["state"] == "fresh"
    })
    .await?;
    alert(
        admin,
        "Bridge Sensor Lost",
        "bridge/mast/board_temperature",
        is_over,
    )
    .await?;
    Ok(())
}

async fn pressed_button(admin: &Client, hands: &mut Hands) -> anyhow::Result<()> {
    hands.button(true).await?;
    let pressed = alert(admin, "Button Pressed", "bridge/mast/button0", stands).await?;
    assert_eq!(pressed["level"], "info");
    bridge(admin, "mast", |bridge| bridge["indicator"] == "info").await?;
    hands.button(false).await?;
    alert(admin, "Button Pressed", "bridge/mast/button0", is_over).await?;
    Ok(())
}

async fn frozen_board(admin: &Client, hands: &mut Hands) -> anyhow::Result<()> {
    hands.freeze(true).await?;
    let lost = alert(admin, "Bridge Lost", "bridge/mast", stands).await?;
    assert!(
        lost["message"]
            .as_str()
            .unwrap()
            .contains("stopped talking"),
        "{lost}"
    );
    let away = bridge(admin, "mast", |bridge| bridge["state"] == "lost").await?;
    assert_eq!(away["emergency_stop"], Value::Null, "unknown is absent");
    let sensors = away["sensors"].as_array().unwrap();
    assert!(
        !sensors.is_empty() && sensors.iter().all(|sensor| sensor["state"] == "stale"),
        "{away:#}"
    );
    let services = admin.get("/api/dashboard/health").await?.expect(200).json();
    assert_eq!(
        services["services"]["bridges"]["status"], "unhealthy",
        "{services:#}"
    );
    hands.freeze(false).await?;
    alert(admin, "Bridge Lost", "bridge/mast", is_over).await?;
    sensor(admin, "battery_voltage", |sensor| {
        sensor["state"] == "fresh"
    })
    .await?;
    Ok(())
}
