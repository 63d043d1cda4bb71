//! Bridges as they fail: killed, unplugged, on a bad line, reconfigured. What
//! holds for any board is in `bridge_line`.

use std::path::Path;
use std::time::Duration;

use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;
use tokio::process::Command;

use crate::bridge_line::{alert, bridge, is_over, quiet, section, sensor, stands};

async fn lamp(board: &SimulatedBoard, shows: &str) -> anyhow::Result<()> {
    eventually(&format!("lamp {shows}"), || async {
        Ok((board.lamp().as_deref() == Some(shows)).then_some(()))
    })
    .await
}

pub(crate) async fn metric(admin: &Client, name: &str) -> anyhow::Result<f64> {
    let page = admin.get("/metrics").await?.expect(200).text();
    let line = format!("mfg_drone_{name}{{bridge=\"mast\"}} ");
    let value = page
        .lines()
        .find_map(|found| found.strip_prefix(line.as_str()));
    Ok(value
        .unwrap_or_else(|| panic!("{name} is not in\n{page}"))
        .parse()?)
}

#[tokio::test]
async fn a_killed_board_is_an_alert_and_its_lamp_is_right_again_when_it_is_back()
-> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (mast_port, base_port) = (dir.path().join("mast"), dir.path().join("base"));
    let mast = SimulatedBoard::plug_in(&mast_port).await?;
    let mut base = SimulatedBoard::plug_in(&base_port).await?;
    lamp(&mast, "nobody-watches").await?;
    let config = quiet() + &section("mast", &mast_port) + &section("base", &base_port);
    let mut gateway = Gateway::builder().config(&config).start().await?;
    let admin = gateway.admin()?;
    lamp(&mast, "clear").await?;

    // An alert at one board shows at both.
    base.order("stop on").await?;
    alert(&admin, "Emergency Stop", "bridge/base", stands).await?;
    lamp(&mast, "critical").await?;
    lamp(&base, "critical").await?;

    let port = mast.kill().await?;
    let lost = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
    assert!(
        lost["message"].as_str().unwrap().contains("went away"),
        "{lost}"
    );
    bridge(&admin, "base", |bridge| bridge["state"] == "live").await?;
    let mast = SimulatedBoard::plug_in(&port).await?;
    lamp(&mast, "critical").await?;
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
    base.order("stop off").await?;
    lamp(&mast, "clear").await?;

    // The other way round: the boards are told anew by a gateway that was killed.
    base.order("stop on").await?;
    alert(&admin, "Emergency Stop", "bridge/base", stands).await?;
    gateway.kill().await?;
    lamp(&mast, "nobody-watches").await?;
    gateway.restart().await?;
    lamp(&mast, "critical").await?;
    assert!(!gateway.has_ended());
    Ok(())
}

#[tokio::test]
async fn unplugged_and_plugged_in_again_and_again_is_one_story() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    // Not there at the start: told after a moment, and no reason to end.
    let gateway = Gateway::builder()
        .config(&(quiet() + &section("mast", &port)))
        .start()
        .await?;
    let admin = gateway.admin()?;
    let lost = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
    assert!(
        lost["message"]
            .as_str()
            .unwrap()
            .contains("no such serial port"),
        "{lost}"
    );
    let mut board = SimulatedBoard::plug_in(&port).await?;
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;

    for _ in 0..10 {
        board.order("unplug").await?;
        bridge(&admin, "mast", |bridge| bridge["state"] == "lost").await?;
        board.order("plug").await?;
        bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
    }
    assert!(metric(&admin, "bridge_connections_total").await? >= 11.0);
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
    let alerts = admin.get("/api/alerts?limit=0").await?.expect(200).json();
    let told = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["title"] == "Bridge Lost")
        .count();
    assert!((2..=11).contains(&told), "{alerts:#}");
    // One source each, however often it came back.
    assert!(
        admin
            .get("/metrics")
            .await?
            .expect(200)
            .text()
            .contains("mfg_drone_bridge_sources_refused_total 0")
    );
    Ok(())
}

#[tokio::test]
async fn garbage_and_lost_and_broken_bytes_are_counted_and_never_read() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let config = quiet()
        + &section("mast", &port)
        + "interval_ms = { battery_voltage = 20, board_temperature = 20 }\n";
    let gateway = Gateway::builder().config(&config).start().await?;
    let admin = gateway.admin()?;
    board.order("value battery_voltage 11.5").await?;
    let exact = |sensor: &Value| sensor["state"] == "fresh" && sensor["value"] == 11.5;
    sensor(&admin, "battery_voltage", exact).await?;

    board.order("break 10").await?;
    board.order("lose 5").await?;
    let before = metric(&admin, "bridge_readings_total").await?;
    for _ in 0..5 {
        // Before the order: its bytes may be counted before anybody looks.
        let garbage = metric(&admin, "bridge_garbage_bytes_total").await?;
        board.order("garbage 20000").await?;
        eventually("garbage at the gateway", || async {
            Ok(
                (metric(&admin, "bridge_garbage_bytes_total").await? >= garbage + 10_000.0)
                    .then_some(()),
            )
        })
        .await?;
    }
    eventually("readings in spite of it", || async {
        Ok((metric(&admin, "bridge_readings_total").await? > before + 300.0).then_some(()))
    })
    .await?;
    assert!(metric(&admin, "bridge_crc_errors_total").await? > 0.0);
    assert!(metric(&admin, "bridge_frames_lost_total").await? > 0.0);
    // No reading other than the one the board sent was ever taken.
    let history = admin
        .get("/api/performance/metrics?metric_name=voltage&source=bridge/mast/battery_voltage&duration_minutes=0")
        .await?
        .expect(200)
        .json();
    assert!(
        history["summary"]["max"].as_f64().unwrap() <= 12.2,
        "{history:#}"
    );
    board.order("break 0").await?;
    board.order("lose 0").await?;
    sensor(&admin, "battery_voltage", exact).await?;
    bridge(&admin, "mast", |bridge| {
        bridge["state"] == "live" && bridge["indicator"] == "clear"
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_reload_adds_changes_and_removes_bridges() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let gateway = Gateway::builder().config(&quiet()).start().await?;
    let admin = gateway.admin()?;
    let without = std::fs::read_to_string(gateway.config_file())?;
    let reload = async |text: &str| {
        std::fs::write(gateway.config_file(), text)?;
        gateway.signal("HUP").await
    };
    reload(&format!("{without}\n{}", section("mast", &port))).await?;
    sensor(&admin, "battery_voltage", |sensor| {
        sensor["state"] == "fresh"
    })
    .await?;
    board.order("stop on").await?;
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;

    // Another rate: the bridge begins anew and its board is told.
    reload(&format!(
        "{without}\n{}interval_ms = {{ battery_voltage = 20 }}\n",
        section("mast", &port)
    ))
    .await?;
    eventually("the new rate", || async {
        Ok((metric(&admin, "bridge_readings_total").await? > 100.0).then_some(()))
    })
    .await?;
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;

    // A mistake changes nothing and is named.
    reload(&format!(
        "{without}\n[[bridge]]\nname = \"mast\"\nselector = \"ttyACM0\"\n"
    ))
    .await?;
    eventually("the refusal in the log", || async {
        Ok(gateway
            .output()
            .contains("`ttyACM0` names no serial port")
            .then_some(()))
    })
    .await?;
    bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;

    reload(&without).await?;
    alert(&admin, "Emergency Stop", "bridge/mast", is_over).await?;
    let health = admin.get("/api/health/detailed").await?.expect(200).json();
    assert_eq!(health["bridges"], serde_json::json!([]));
    lamp(&board, "nobody-watches").await?;
    // Its default rules went with it.
    let rules = admin.get("/api/alerts/rules").await?.expect(200).text();
    assert!(
        rules.contains("High CPU Usage")
            && !rules.contains("(mast)")
            && !rules.contains("Emergency Stop"),
        "{rules}"
    );
    Ok(())
}

#[tokio::test]
async fn a_button_that_acknowledges_does_so_in_the_name_of_its_bridge() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let config = quiet() + &section("mast", &port) + "button = \"acknowledge\"\n";
    let gateway = Gateway::builder().config(&config).start().await?;
    let admin = gateway.admin()?;
    bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
    board.order("stop on").await?;
    let stop = alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    assert_eq!(stop["acknowledged"], false, "{stop}");
    // What a press finds younger than a second, it leaves alone: somebody presses again,
    // after a second's rest, or it would be the same press that bounces.
    let board = tokio::sync::Mutex::new(board);
    let stop = eventually("a press acknowledges it", || async {
        let mut board = board.lock().await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        board.order("button 0 on").await?;
        board.order("button 0 off").await?;
        let alerts = admin.get("/api/alerts").await?.expect(200).json();
        let mut alerts = alerts["alerts"].as_array().unwrap().iter();
        let is_it =
            |alert: &&Value| alert["title"] == "Emergency Stop" && alert["acknowledged"] == true;
        Ok(alerts.find(is_it).cloned())
    })
    .await?;
    let board = board.into_inner();
    assert_eq!(
        (&stop["acknowledged_by"], &stop["resolved"]),
        (&"bridge/mast".into(), &false.into()),
        "{stop}"
    );
    // It has been seen, not ended: the lamp goes on.
    lamp(&board, "critical").await?;
    let alerts = admin.get("/api/alerts?limit=0").await?.expect(200).json();
    let titles: Vec<&str> = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|a| a["title"].as_str())
        .collect();
    assert!(!titles.contains(&"Button Pressed"), "{titles:?}");
    Ok(())
}

#[tokio::test]
async fn log_lines_of_the_board_are_in_the_log_within_a_budget() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let gateway = Gateway::builder()
        .config(&(quiet() + &section("mast", &port)))
        .start()
        .await?;
    let admin = gateway.admin()?;
    bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
    board.order("log the fan was oiled").await?;
    eventually("the line in the log", || async {
        Ok(gateway.output().contains("the fan was oiled").then_some(()))
    })
    .await?;
    // Far more than a minute's budget; the board itself drops some of them.
    let mut lines = 0;
    while metric(&admin, "bridge_logs_suppressed_total").await? == 0.0 {
        anyhow::ensure!(lines < 1_000, "a thousand lines are within the budget");
        board.order("log chatter").await?;
        lines += 1;
    }
    Ok(())
}

#[tokio::test]
async fn check_names_what_is_wrong_with_a_bridge() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let rule = "[[alerts.rule]]\nname = \"Ghost\"\nmetric = \"voltage\"\noperator = \"<\"\nthreshold = 1\nlevel = \"info\"\n\
                source = \"bridge/ghost/x\"\n";
    let prepared = Gateway::builder()
        .config(&(quiet() + rule + &section("mast", &port)))
        .prepare()?;
    let found = text(&prepared.command(&["check"]).output().await?.stdout);
    assert!(
        found.contains("bridge mast") && found.contains("no such serial port"),
        "{found}"
    );
    assert!(found.contains("no bridge is called \"ghost\""), "{found}");
    let _board = SimulatedBoard::plug_in(&port).await?;
    let found = text(&prepared.command(&["check"]).output().await?.stdout);
    assert!(found.contains("can be opened"), "{found}");

    std::fs::write(
        &prepared.file,
        "[[bridge]]\nname = \"mast\"\nselector = \"ttyACM0\"\n",
    )?;
    let refused = prepared.command(&["check"]).output().await?;
    let complaint = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{complaint}");
    assert!(
        complaint.contains("gateway.toml:3:1: bridge.0.selector: `ttyACM0` names no serial port"),
        "{complaint}"
    );
    Ok(())
}

#[tokio::test]
async fn a_firmware_is_flashed_to_the_right_volume_and_only_whole() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (file, volume) = (dir.path().join("firmware.uf2"), dir.path().join("RPI-RP2"));
    std::fs::create_dir(&volume)?;
    let image: Vec<u8> = (0..4).flat_map(|number| uf2_block(number, 4)).collect();
    std::fs::write(&file, &image)?;
    let port = dir.path().join("board");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let flash = async |with_port: bool| {
        let port = with_port.then_some(port.as_path());
        flash(&file, &volume, port).await
    };
    let (done, said) = flash(false).await?;
    assert!(
        !done && said.contains("no volume of a bootloader"),
        "{said}"
    );
    std::fs::write(volume.join("INFO_UF2.TXT"), "Board-ID: RP2350\r\n")?;
    let (done, said) = flash(false).await?;
    assert!(!done && said.contains("the file is for RP2040"), "{said}");
    std::fs::write(volume.join("INFO_UF2.TXT"), "Board-ID: RPI-RP2\r\n")?;
    let (done, said) = flash(false).await?;
    assert!(done, "{said}");
    assert_eq!(std::fs::read(volume.join("firmware.uf2"))?, image);

    // Through the link: asked to leave, and met again after it is plugged in anew.
    let copied = volume.join("firmware.uf2");
    std::fs::remove_file(&copied)?;
    let replug = async {
        eventually("the file is copied", || async {
            Ok(copied.exists().then_some(()))
        })
        .await?;
        board.order("unplug").await?;
        board.order("plug").await
    };
    let (flashed, replugged) = tokio::join!(flash(true), replug);
    replugged?;
    let (done, said) = flashed?;
    assert!(
        done && said.contains("sending it to its bootloader")
            && said.contains("is back with firmware"),
        "{said}"
    );

    std::fs::remove_file(volume.join("firmware.uf2"))?;
    std::fs::write(&file, &image[..1024])?;
    let (done, said) = flash(false).await?;
    assert!(!done && said.contains("2 of 4 blocks"), "{said}");
    assert!(!volume.join("firmware.uf2").exists(), "nothing was written");
    Ok(())
}

/// Whether `bridge flash` did it, and what it said.
async fn flash(file: &Path, volume: &Path, port: Option<&Path>) -> anyhow::Result<(bool, String)> {
    let mut command = Command::new(gateway_tests::gateway::binary());
    command
        .args(["bridge", "flash"])
        .arg(file)
        .arg("--volume")
        .arg(volume)
        .env_clear();
    if let Some(port) = port {
        command.arg("--port").arg(port);
    }
    let output = command.output().await?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((output.status.success(), said))
}

/// A block of 256 bytes for an RP2040's flash.
fn uf2_block(number: u32, count: u32) -> Vec<u8> {
    let head = [
        0x0a32_4655,
        0x9e5d_5157,
        0x2000,
        0x1000_0000 + number * 256,
        256,
        number,
        count,
        0xe48b_ff56_u32,
    ];
    let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(508, 0x11);
    bytes.extend(0x0ab1_6f30_u32.to_le_bytes());
    bytes
}
