//! Batteries, gauges and supplies that are plugged in, taken out, moved, and that lie,
//! while the gateway runs: each on a tree of its own.

use std::fs::{create_dir_all, remove_dir_all, remove_file, rename, write};
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::machine::{Machine, rule, says, value};
use super::{alert, is_over, sensor, stands};

/// Of three batteries the empty one is taken out; its words stay its own. It comes back
/// under another number of its bus.
#[tokio::test]
async fn of_several_batteries_the_one_taken_out_is_waited_for() -> anyhow::Result<()> {
    let board = Machine::new();
    let full = [("type", "Battery"), ("capacity", "95")];
    board.supply("BAT0", &full);
    board.supply("BAT2", &full);
    let gauge = |bus: u8, capacity: &str| {
        let name = format!("sbs-{bus}-000b");
        let real =
            format!("sys/devices/platform/fe804000.i2c/i2c-{bus}/{bus}-000b/power_supply/{name}");
        board.put(&format!("{real}/capacity"), &format!("{capacity}\n"));
        board.put(&format!("{real}/type"), "Battery\n");
        let link = board.at(&format!("sys/class/power_supply/{name}"));
        symlink(format!("../../../{real}"), &link).unwrap();
        link
    };
    let empty = gauge(4, "12");
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    let low = alert(&admin, "Low Battery", stands).await?;
    let name = "power:sbs@fe804000.i2c-000b:charge";
    assert!(says(&low, name), "{low}");
    remove_file(empty)?;
    let lost = alert(&admin, "Board Sensor Lost", stands).await?;
    assert!(says(&lost, name) && !says(&lost, "BAT"), "{lost}");
    let still = |alert: &Value| alert["id"] == low["id"];
    assert!(stands(&alert(&admin, "Low Battery", still).await?));
    gauge(7, "60");
    value(&admin, name, 60.0).await?;
    let over = |alert: &Value| still(alert) && is_over(alert);
    alert(&admin, "Low Battery", over).await?;
    Ok(())
}

/// A UPS at a USB port comes back at another one: the same, by its serial number.
#[tokio::test]
async fn a_ups_ends_its_own_alert_at_whatever_port() -> anyhow::Result<()> {
    let board = Machine::new();
    let plug = |number: u8, port: &str, capacity: &str| {
        let real = format!(
            "sys/devices/platform/xhci-hcd.0/usb1/{port}/{port}:1.0/power_supply/acme-{number}"
        );
        board.put(&format!("{real}/serial_number"), "A-0815\n");
        board.put(&format!("{real}/capacity"), &format!("{capacity}\n"));
        board.put(&format!("{real}/type"), "UPS\n");
        let link = board.at(&format!("sys/class/power_supply/acme-{number}"));
        create_dir_all(link.parent().unwrap()).unwrap();
        symlink(format!("../../../{real}"), &link).unwrap();
        link
    };
    let link = plug(0, "1-1", "12");
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    alert(&admin, "Low Battery", stands).await?;
    remove_file(link)?;
    alert(&admin, "Board Sensor Lost", stands).await?;
    plug(1, "1-4", "80");
    alert(&admin, "Low Battery", is_over).await?;
    let health = admin.get("/api/health/detailed").await?.expect(200).json();
    let sensors = health["board"]["sensors"].as_array().unwrap();
    let charges = sensors
        .iter()
        .filter(|s| s["name"].as_str().unwrap().starts_with("power:"));
    assert_eq!(charges.count(), 1, "{health}");
    Ok(())
}

/// A monitor with a bad contact, for a while: one alert, a handful of lines.
#[tokio::test]
async fn a_loose_battery_gauge_is_one_alert() -> anyhow::Result<()> {
    let board = Machine::new();
    let supply = board.supply("ups", &[("type", "UPS"), ("capacity", "80")]);
    let away = board.at("away");
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    for _ in 0..8 {
        value(&admin, "power:ups:charge", 80.0).await?;
        rename(&supply, &away)?;
        sensor(&admin, "power:ups:charge", |s| s["state"] != "fresh").await?;
        rename(&away, &supply)?;
    }
    rename(&supply, &away)?;
    alert(&admin, "Board Sensor Lost", stands).await?;
    let titles = super::titles(&admin).await?;
    let lost = titles.iter().filter(|title| *title == "Board Sensor Lost");
    assert_eq!(lost.count(), 1, "{titles:?}");
    let lines = gateway.output().matches("power:ups:charge").count();
    assert!(lines <= 6, "{lines} lines of one contact");
    Ok(())
}

/// A gauge whose files cannot both be so, from the start: a fault that is told, also beside
/// another battery that is well, and no word about an empty one.
#[tokio::test]
async fn a_gauge_that_contradicts_itself_is_told_as_faulty() -> anyhow::Result<()> {
    let board = Machine::new();
    let files = [
        ("type", "Battery"),
        ("capacity", "4"),
        ("energy_now", "45000000"),
        ("energy_full", "50000000"),
    ];
    board.supply("BAT0", &files);
    let other = board.supply("BAT1", &[("type", "Battery"), ("capacity", "90")]);
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    let faulty = alert(&admin, "Board Sensor Faulty", stands).await?;
    assert!(
        says(&faulty, "contradicts itself") && !says(&faulty, "BAT1"),
        "{faulty}"
    );
    let details = faulty["details"].as_str().unwrap();
    assert!(details.contains("others are judged"), "{details}");
    let titles = super::titles(&admin).await?;
    assert!(
        !titles.iter().any(|title| title.contains("Battery")),
        "{titles:?}"
    );
    let page = admin.get("/metrics").await?.expect(200).text();
    let reason =
        "mfg_drone_board_sensor_fresh{sensor=\"power:BAT0:charge\",reason=\"contradicted\"} 0";
    assert!(page.contains(reason), "{page}");
    write(other.join("capacity"), "15\n")?;
    let low = alert(&admin, "Low Battery", stands).await?;
    assert!(says(&low, "BAT1"), "{low}");
    Ok(())
}

/// Supplies of the board that are none: a boost converter, the charger of a mouse. And a
/// power supply's own chip of hwmon, that comes and goes with it.
#[tokio::test]
async fn what_feeds_others_is_no_external_power() -> anyhow::Result<()> {
    let board = Machine::new();
    board.supply("ip5306-boost", &[("type", "USB"), ("online", "1")]);
    board.supply(
        "pad",
        &[("type", "Wireless"), ("scope", "Device"), ("online", "1")],
    );
    let mains = board.supply("ac", &[("type", "Mains"), ("online", "1")]);
    let rules = rule("On Battery", "board", "external_power", ("<", 1.0));
    let gateway = board.run(&rules).await?;
    let admin = gateway.admin()?;
    value(&admin, "power:ac:connected", 1.0).await?;
    write(mains.join("online"), "0\n")?;
    alert(&admin, "On Battery", stands).await?;
    write(mains.join("online"), "1\n")?;
    alert(&admin, "On Battery", is_over).await?;
    Ok(())
}

/// Whatever a maker calls a battery, its alerts are of it after a restart: its name is kept
/// beside them, not read out of their words.
#[tokio::test]
async fn a_battery_of_any_name_is_waited_for_after_a_restart() -> anyhow::Result<()> {
    let board = Machine::new();
    board.supply("BAT0", &[("type", "Battery"), ("capacity", "90")]);
    let odd = [
        ("type", "Battery"),
        ("capacity", "12"),
        ("model_name", "Pack (x): a, by door (BAT0); b"),
    ];
    let battery = board.supply("BAT1", &odd);
    let mut gateway = board.run("").await?;
    let admin = gateway.admin()?;
    let low = alert(&admin, "Low Battery", stands).await?;
    let away = board.at("away");
    rename(&battery, &away)?;
    let lost = alert(&admin, "Board Sensor Lost", stands).await?;
    gateway.kill().await?;
    gateway.restart().await?;
    let admin = gateway.admin()?;
    let same = |of: &Value| {
        let id = of["id"].clone();
        move |alert: &Value| alert["id"] == id
    };
    let is_lost = same(&lost);
    let not_met = |alert: &Value| is_lost(alert) && says(alert, "not there since");
    let told = alert(&admin, "Board Sensor Lost", not_met).await?;
    assert!(says(&told, "power:BAT1:charge"), "{told}");
    rename(&away, &battery)?;
    alert(&admin, "Board Sensor Lost", |a| is_lost(a) && is_over(a)).await?;
    let is_low = same(&low);
    assert!(stands(&alert(&admin, "Low Battery", &is_low).await?));
    write(battery.join("capacity"), "80\n")?;
    alert(&admin, "Low Battery", |a| is_low(a) && is_over(a)).await?;
    Ok(())
}

/// A store of before has no file of its alerts' sensors, a damaged one is as good as none:
/// the words say them once, and then the file does.
#[tokio::test]
async fn an_older_store_s_alerts_are_of_their_sensors() -> anyhow::Result<()> {
    let board = Machine::new();
    board.supply("BAT0", &[("type", "Battery"), ("capacity", "90")]);
    let battery = board.supply("BAT1", &[("type", "Battery"), ("capacity", "12")]);
    let mut gateway = board.run("").await?;
    let admin = gateway.admin()?;
    let low = alert(&admin, "Low Battery", stands).await?;
    let file = gateway.state().join("alert_sensors.json");
    let kept = std::fs::read_to_string(&file)?;
    assert!(kept.contains("power:BAT1:charge"), "{kept}");
    let is_low = |alert: &Value| alert["id"] == low["id"];
    for damage in [None, Some("not for us")] {
        gateway.stop().await?;
        match damage {
            None => remove_file(&file)?,
            Some(text) => write(&file, text)?,
        }
        let away = board.at("away");
        rename(&battery, &away)?;
        gateway.restart().await?;
        let admin = gateway.admin()?;
        let not_met = |alert: &Value| stands(alert) && says(alert, "power:BAT1:charge");
        alert(&admin, "Board Sensor Lost", not_met).await?;
        assert!(stands(&alert(&admin, "Low Battery", is_low).await?));
        let kept = std::fs::read_to_string(&file)?;
        assert!(kept.contains("power:BAT1:charge"), "{kept}");
        rename(&away, &battery)?;
        alert(&admin, "Board Sensor Lost", is_over).await?;
    }
    Ok(())
}

/// The table is full of what is there: a battery has a place all the same, what gave it up
/// is named, and has one again as soon as something else goes.
#[tokio::test]
async fn a_battery_finds_a_place_in_a_full_table() -> anyhow::Result<()> {
    let board = Machine::new();
    for number in 1..boards::MAX_SENSORS as u32 {
        board.zone(number, &format!("probe{number}"), "21000\n");
    }
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    value(&admin, "thermal:probe200", 21.0).await?;
    board.supply("ups", &[("type", "UPS"), ("capacity", "4")]);
    let empty = alert(&admin, "Critical Battery", stands).await?;
    assert!(says(&empty, "power:ups:charge"), "{empty}");
    let full = alert(&admin, "Board Sensors Left Out", stands).await?;
    assert!(says(&full, "thermal:probe"), "{full}");
    remove_dir_all(board.at("sys/class/thermal/thermal_zone200"))?;
    alert(&admin, "Board Sensors Left Out", is_over).await?;
    Ok(())
}
