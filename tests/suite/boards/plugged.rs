//! Chips, zones and radios that are plugged in, taken out, renumbered, renamed and broken
//! while the gateway runs: each on a tree of its own.

use std::fs::{create_dir_all, remove_dir_all, remove_file, rename, write};

use gateway_tests::eventually;
use serde_json::Value;

use super::machine::{Machine, rule, says, value};
use super::{WIRELESS, alert, is_over, sensor, stands};

/// The fan's chip gets another number with each start of its driver, and its fan stops.
#[tokio::test]
async fn a_fan_is_judged_whatever_number_its_chip_has() -> anyhow::Result<()> {
    let board = Machine::new();
    let fan = |number, rpm: &str| {
        let files = [("fan1_input", rpm), ("fan1_label", "Intake\n")];
        board.chip(number, "emc2305", "1-002f", &files)
    };
    let chip = fan(1, "2400\n");
    let name = "hwmon:emc2305@1-002f:fan1";
    let rules = rule(
        "Fan Stopped",
        &format!("board/{name}"),
        "fan_speed",
        ("<", 500.0),
    );
    let gateway = board.run(&rules).await?;
    let admin = gateway.admin()?;
    value(&admin, name, 2400.0).await?;
    remove_dir_all(chip)?;
    board.chip(1, "nct6775", "nct6775.656", &[("fan1_input", "900\n")]);
    let chip = fan(4, "1800\n");
    value(&admin, name, 1800.0).await?;
    write(chip.join("fan1_input"), "0\n")?;
    let stopped = alert(&admin, "Fan Stopped", stands).await?;
    assert!(says(&stopped, "Intake"), "{stopped}");
    // The other one turns, and says nothing for it.
    value(&admin, "hwmon:nct6775@nct6775.656:fan1", 900.0).await?;
    write(chip.join("fan1_input"), "2000\n")?;
    alert(&admin, "Fan Stopped", is_over).await?;
    Ok(())
}

/// Three monitors of one kind change their numbers in a ring again and again; one of them
/// watches the battery.
#[tokio::test]
async fn chips_that_go_round_swap_no_values() -> anyhow::Result<()> {
    let board = Machine::new();
    for (number, device, millivolts) in [
        (0, "1-0042", "8200\n"),
        (1, "1-0044", "3300\n"),
        (2, "1-0045", "5050\n"),
    ] {
        board.chip(number, "ina219", device, &[("in1_input", millivolts)]);
    }
    let rail = "hwmon:ina219@1-0045:in1";
    let rules = rule("Rail", &format!("board/{rail}"), "voltage", ("<", 5.0))
        + &rule("Rail High", &format!("board/{rail}"), "voltage", (">", 5.1));
    let gateway = board.run(&rules).await?;
    let admin = gateway.admin()?;
    value(&admin, rail, 5.05).await?;
    let class = board.at("sys/class/hwmon");
    let round = || -> anyhow::Result<()> {
        for (from, to) in [
            ("hwmon0", "x"),
            ("hwmon1", "hwmon0"),
            ("hwmon2", "hwmon1"),
            ("x", "hwmon2"),
        ] {
            rename(class.join(from), class.join(to))?;
        }
        Ok(())
    };
    let reads = |page: &str| {
        let count = page.lines().find_map(|line| {
            line.strip_prefix("mfg_drone_board_sensor_reads_total ")?
                .parse::<f64>()
                .ok()
        });
        count.unwrap_or_default()
    };
    for _ in 0..5 {
        round()?;
        let page = admin.get("/metrics").await?.expect(200).text();
        let before = reads(&page);
        eventually("a further round", || async {
            let page = admin.get("/metrics").await?.expect(200).text();
            Ok((reads(&page) >= before + 4.0).then_some(()))
        })
        .await?;
    }
    for (name, volts) in [("1-0042", 8.2), ("1-0044", 3.3), ("1-0045", 5.05)] {
        value(&admin, &format!("hwmon:ina219@{name}:in1"), volts).await?;
    }
    let all = super::titles(&admin).await?;
    for never in ["Rail", "Rail High", "Critical Battery", "Low Battery"] {
        assert!(!all.iter().any(|title| title == never), "{all:?}");
    }
    Ok(())
}

/// A converter whose driver has no scale gives steps, and a rule on volts says that it is
/// blind; with the scale it sees.
#[tokio::test]
async fn a_converter_is_volts_only_with_its_scale() -> anyhow::Result<()> {
    let board = Machine::new();
    let device = "sys/bus/iio/devices/iio:device0";
    let plug = |number: u8, scale: bool| {
        let path = format!("sys/bus/iio/devices/iio:device{number}");
        if scale {
            board.put(&format!("{path}/in_voltage0_scale"), "2\n");
        }
        board.put(&format!("{path}/in_voltage0_raw"), "1500\n");
        board.put(&format!("{path}/name"), "ads1015\n");
    };
    plug(0, false);
    let name = "iio:ads1015:voltage0";
    let rules = rule("Pack", &format!("board/{name}"), "voltage", ("<", 3.5));
    let gateway = board.run(&rules).await?;
    let admin = gateway.admin()?;
    value(&admin, name, 1500.0).await?;
    let blind = alert(&admin, "Rule Without Sensor", stands).await?;
    assert!(says(&blind, "looks at voltage"), "{blind}");
    remove_dir_all(board.at(device))?;
    plug(3, true);
    let low = alert(&admin, "Pack", stands).await?;
    assert_eq!(low["value"], 3.0, "{low}");
    Ok(())
}

/// Thermometers on a long wire: a transfer that fails its checksum is no value, one that
/// comes and goes no storm.
#[tokio::test]
async fn thermometers_on_a_bad_wire_make_no_storm() -> anyhow::Result<()> {
    let board = Machine::new();
    let slave = |address: &str, crc: &str, milli: i32| {
        let path = format!("sys/bus/w1/devices/{address}/w1_slave");
        board.put(&path, &format!("72 01 : crc=57 {crc}\n72 01 t={milli}\n"));
    };
    slave("28-0316a2795cff", "YES", 23_125);
    slave("28-0316a2795c00", "NO", 85_000);
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    value(&admin, "w1:28-0316a2795cff:temp", 23.125).await?;
    let garbled = sensor(&admin, "w1:28-0316a2795c00:temp", |s| {
        s["state"] == "absent"
    })
    .await?;
    assert_eq!(garbled["value"], Value::Null, "{garbled}");
    for _ in 0..10 {
        remove_dir_all(board.at("sys/bus/w1/devices/28-0316a2795cff"))?;
        let gone = |s: &Value| s["state"] != "fresh";
        sensor(&admin, "w1:28-0316a2795cff:temp", gone).await?;
        slave("28-0316a2795cff", "YES", 23_500);
        value(&admin, "w1:28-0316a2795cff:temp", 23.5).await?;
    }
    let lines = gateway.output();
    let lines = lines.matches("w1:28-0316a2795cff:temp").count();
    assert!(lines <= 4, "{lines} lines of one wire");
    Ok(())
}

/// A zone is disabled and enabled by somebody; another one beside it is never the
/// processor's for that.
#[tokio::test]
async fn a_disabled_zone_is_a_lost_temperature_and_no_other_ones() -> anyhow::Result<()> {
    let board = Machine::new();
    board.zone(1, "wifi-thermal", "91000\n");
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    value(&admin, "thermal:cpu-thermal", 48.0).await?;
    board.put("sys/class/thermal/thermal_zone0/mode", "disabled\n");
    let lost = alert(&admin, "Board Sensor Lost", stands).await?;
    assert!(says(&lost, "disabled"), "{lost}");
    board.put("sys/class/thermal/thermal_zone0/temp", "93000\n");
    board.put("sys/class/thermal/thermal_zone0/mode", "enabled\n");
    let hot = alert(&admin, "Critical Temperature", stands).await?;
    assert_eq!(hot["value"], 93.0, "{hot}");
    assert!(says(&hot, "cpu-thermal"), "{hot}");
    Ok(())
}

/// In place of a file something that nobody answers from: it is named, all others are read.
#[tokio::test]
async fn what_cannot_be_read_hides_nothing_else() -> anyhow::Result<()> {
    let board = Machine::new();
    let chip = board.chip(
        1,
        "lm75",
        "1-0048",
        &[("temp1_input", "31000\n"), ("temp2_input", "32000\n")],
    );
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    value(&admin, "hwmon:lm75@1-0048:temp1", 31.0).await?;
    let pipe = chip.join("temp1_input");
    remove_file(&pipe)?;
    std::process::Command::new("mkfifo").arg(&pipe).status()?;
    let _writer = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe)?;
    let gone = |s: &Value| s["state"] != "fresh" && s["reason"].is_string();
    sensor(&admin, "hwmon:lm75@1-0048:temp1", gone).await?;
    board.put("sys/class/thermal/thermal_zone0/temp", "95000\n");
    alert(&admin, "Critical Temperature", stands).await?;
    write(chip.join("temp2_input"), "33000\n")?;
    value(&admin, "hwmon:lm75@1-0048:temp2", 33.0).await?;
    Ok(())
}

/// A description means a rail by its label. The driver is loaded anew with the labels the
/// other way round: what the gateway says of the rail goes with the label.
#[tokio::test]
async fn a_description_by_label_follows_the_label() -> anyhow::Result<()> {
    let board = Machine::new();
    let rails = |number, labels: [&str; 2]| {
        let files = [
            ("in1_input", "12100\n"),
            ("in1_label", labels[0]),
            ("in2_input", "5000\n"),
            ("in2_label", labels[1]),
        ];
        board.chip(number, "ina3221", "1-0040", &files)
    };
    let chip = rails(0, ["VDD_IN\n", "VDD_CPU\n"]);
    let words = "[[board.sensor]]\nchip = \"ina3221\"\nlabel = \"VDD_IN\"\nrole = \"companion_battery_voltage\"\n";
    let gateway = board.run(words).await?;
    let admin = gateway.admin()?;
    let held_by = |name: &'static str| {
        let admin = &admin;
        async move {
            let is = |s: &Value| s["role"] == "companion_battery_voltage";
            sensor(admin, name, is).await
        }
    };
    let held = held_by("hwmon:ina3221@1-0040:in1").await?;
    assert_eq!(held["label"], "VDD_IN", "{held}");
    remove_dir_all(chip)?;
    rails(2, ["VDD_CPU\n", "VDD_IN\n"]);
    held_by("hwmon:ina3221@1-0040:in2").await?;
    let first = sensor(&admin, "hwmon:ina3221@1-0040:in1", |s| {
        s["label"] == "VDD_CPU"
    })
    .await?;
    assert_ne!(first["role"], "companion_battery_voltage", "{first}");
    Ok(())
}

/// Of two radios the one whose link is lost is named.
#[tokio::test]
async fn a_lost_link_names_its_radio() -> anyhow::Result<()> {
    let board = Machine::new();
    for radio in ["wlan0", "wlan1"] {
        create_dir_all(board.at(&format!("sys/class/net/{radio}/wireless")))?;
        board.put(&format!("sys/class/net/{radio}/operstate"), "up\n");
    }
    board.put("proc/net/wireless", WIRELESS);
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    value(&admin, "net:wlan1:up", 1.0).await?;
    board.put("sys/class/net/wlan1/operstate", "down\n");
    let lost = alert(&admin, "Wi-Fi Link Lost", stands).await?;
    assert!(says(&lost, "wlan1") && !says(&lost, "wlan0"), "{lost}");
    Ok(())
}

/// A driver may print anything.
#[tokio::test]
async fn what_a_driver_prints_is_shown_and_never_obeyed() -> anyhow::Result<()> {
    let board = Machine::new();
    let evil = [
        ("temp1_input", "31000\n"),
        ("temp1_max_alarm", "1\n"),
        ("temp1_label", "\u{1b}]0;owned\u{7}\u{1b}[2J\n"),
    ];
    let chip = board.chip(1, "evil\u{1b}[31m", "1-0048", &evil);
    let gateway = board.run("").await?;
    let admin = gateway.admin()?;
    let alarm = alert(&admin, "Sensor Alarm", stands).await?;
    let is_raw = |text: &str| text.contains(|c: char| c.is_control() && c != '\n');
    assert!(!is_raw(alarm["message"].as_str().unwrap()), "{alarm}");
    remove_dir_all(chip)?;
    alert(&admin, "Board Sensor Lost", stands).await?;
    assert!(!is_raw(&gateway.output()), "{:?}", gateway.output());
    Ok(())
}
