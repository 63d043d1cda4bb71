//! The board's sensors, from files that change under a running gateway to
//! alerts, health and `/metrics`.
//!
//! The trees are those of `boards/tests/trees`, unpacked and changed as a
//! kernel would change sysfs. The waits are the sampling's real periods.

use std::path::Path;

use boards::Tree;
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;
use tokio::process::Command;

const PI_4B: &str = include_str!("../../boards/tests/trees/pi-4b.tree");
const ZONE: &str = "sys/class/thermal/thermal_zone0/temp";
const SUPPLY: &str = "sys/class/hwmon/hwmon1/in0_lcrit_alarm";

fn pi() -> anyhow::Result<Tree> {
    Ok(Tree::from_manifest(PI_4B)?)
}

fn put(tree: &Tree, path: &str, text: &str) {
    // Replaced at once, as a sysfs attribute is: never seen half-written.
    let (path, new) = (tree.root().join(path), tree.root().join("new"));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

async fn on(tree: &Tree) -> anyhow::Result<Gateway> {
    Gateway::builder().config(&format!("[board]\nroot = {:?}\n", tree.root())).start().await
}

/// Waits for an alert of that title that `is` as wanted.
async fn alert(client: &Client, title: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    eventually(title, || async {
        let alerts = client.get("/api/alerts").await?.expect(200).json();
        Ok(alerts["alerts"].as_array().unwrap().iter().find(|alert| alert["title"] == title && is(alert)).cloned())
    })
    .await
}

async fn titles(client: &Client) -> anyhow::Result<Vec<String>> {
    let alerts = client.get("/api/alerts").await?.expect(200).json();
    let titles = alerts["alerts"].as_array().unwrap().iter().map(|alert| alert["title"].as_str().unwrap().to_owned());
    Ok(titles.collect())
}

/// Waits for a sensor of the health page that `is` as wanted.
async fn sensor(client: &Client, name: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    eventually(name, || async {
        let health = client.get("/api/health/detailed").await?.expect(200).json();
        let sensors = health["board"]["sensors"].as_array().unwrap();
        Ok(sensors.iter().find(|sensor| sensor["name"] == name && is(sensor)).cloned())
    })
    .await
}

fn stands(alert: &Value) -> bool {
    alert["cleared_at"].is_null() && alert["resolved"] == false
}

fn is_over(alert: &Value) -> bool {
    !stands(alert)
}

#[tokio::test]
async fn a_hot_board_and_a_weak_supply_raise_alerts_and_end_them() -> anyhow::Result<()> {
    let tree = pi()?;
    let gateway = on(&tree).await?;
    let admin = gateway.admin()?;
    let cool = sensor(&admin, "thermal:cpu-thermal", |sensor| sensor["state"] == "fresh").await?;
    assert_eq!((&cool["value"], &cool["metric"]), (&48.686.into(), &"temperature".into()));

    put(&tree, ZONE, "91500\n");
    put(&tree, SUPPLY, "1\n");
    let hot = alert(&admin, "Critical Temperature", stands).await?;
    assert_eq!((&hot["value"], &hot["subject"]), (&91.5.into(), &"board".into()));
    alert(&admin, "High Temperature", stands).await?;
    let weak = alert(&admin, "Undervoltage", stands).await?;
    assert_eq!((&weak["level"], &weak["metric"]), (&"error".into(), &"undervoltage".into()));

    put(&tree, ZONE, "55000\n");
    put(&tree, SUPPLY, "0\n");
    for title in ["Critical Temperature", "High Temperature", "Undervoltage"] {
        alert(&admin, title, is_over).await?;
    }
    assert_eq!(titles(&admin).await?.len(), 3, "each was raised once");
    Ok(())
}

#[tokio::test]
async fn the_boards_own_limits_lower_the_temperature_rules() -> anyhow::Result<()> {
    let tree = pi()?;
    put(&tree, "sys/class/thermal/thermal_zone0/trip_point_1_type", "passive\n");
    put(&tree, "sys/class/thermal/thermal_zone0/trip_point_1_temp", "70000\n");
    let gateway = on(&tree).await?;
    let admin = gateway.admin()?;
    let rules = admin.get("/api/alerts/rules").await?.expect(200).json();
    let rules = rules["rules"].as_array().unwrap();
    let threshold = |name: &str| rules.iter().find(|rule| rule["name"] == name).map(|rule| rule["threshold"].clone());
    assert_eq!(threshold("High Temperature"), Some(68.0.into()));
    assert_eq!(threshold("Critical Temperature"), Some(83.0.into()), "a Pi 4 is rated to 85 °C by its profile");
    assert_eq!(rules[0]["name"], "High CPU Usage");
    assert_eq!(rules[6]["name"], "High Temperature", "in its documented place");
    put(&tree, ZONE, "69000\n");
    alert(&admin, "High Temperature", stands).await?;
    Ok(())
}

#[tokio::test]
async fn failing_sensors_are_absent_with_a_reason_and_make_no_storm() -> anyhow::Result<()> {
    let tree = pi()?;
    let gateway = on(&tree).await?;
    let admin = gateway.admin()?;
    let fresh = |sensor: &Value| sensor["state"] == "fresh";
    let failed = |reason: &'static str| {
        move |sensor: &Value| {
            sensor["state"] != "fresh" && sensor["reason"].as_str().is_some_and(|text| text.contains(reason))
        }
    };
    for name in ["thermal:cpu-thermal", "cpufreq:policy0:now", "hwmon:rpi_volt:in0_lcrit_alarm"] {
        sensor(&admin, name, fresh).await?;
    }

    put(&tree, ZONE, "no temperature today\n");
    std::fs::remove_file(tree.root().join(SUPPLY))?;
    // What is no regular file cannot be read, as an attribute whose driver fails.
    let clock = tree.root().join("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq");
    std::fs::remove_file(&clock)?;
    std::fs::create_dir(&clock)?;
    put(&tree, "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "-99999999999999999999\n");
    sensor(&admin, "thermal:cpu-thermal", failed("holds no value")).await?;
    sensor(&admin, "hwmon:rpi_volt:in0_lcrit_alarm", failed("gone")).await?;
    sensor(&admin, "cpufreq:policy0:now", failed("read failed")).await?;

    let page = admin.get("/metrics").await?.expect(200).text();
    assert!(!page.contains("mfg_drone_board_sensor_temperature_celsius{sensor=\"thermal:cpu-thermal\""), "{page}");
    let missing = "mfg_drone_board_sensor_fresh{sensor=\"thermal:cpu-thermal\",reason=\"not_a_number\"} 0";
    assert!(page.contains(missing), "{page}");
    assert!(page.contains("mfg_drone_board_sensor_failures_total{sensor=\"thermal:cpu-thermal\"}"), "{page}");
    assert!(page.contains("mfg_drone_board_info{profile=\"raspberry-pi-4b\""), "{page}");

    // Half a minute later the loss is told, once for each metric.
    let lost = alert(&admin, "Board Sensor Lost", |alert| alert["subject"] == "board/temperature").await?;
    assert!(lost["message"].as_str().unwrap().contains("holds no value"), "{lost}");
    alert(&admin, "Board Sensor Lost", |alert| alert["subject"] == "board/undervoltage").await?;
    let titles = titles(&admin).await?;
    assert_eq!(titles, ["Board Sensor Lost"; 2], "nothing else is raised by what is unknown");

    // It works again: within the longest back-off there is a value.
    put(&tree, ZONE, "50000\n");
    sensor(&admin, "thermal:cpu-thermal", fresh).await?;
    Ok(())
}

#[tokio::test]
async fn the_command_line_tells_every_sensor_and_its_rules() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let tree = dir.path().join("pi.tree");
    std::fs::write(&tree, PI_4B)?;
    let run = async |arguments: &[&str], tree: &Path| {
        let mut command = Command::new(gateway_tests::gateway::binary());
        command.arg("boards").arg("--tree").arg(tree).args(arguments).env_clear();
        let output = command.output().await?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        anyhow::Ok(String::from_utf8(output.stdout)?)
    };
    let report: Value = serde_json::from_str(&run(&["--json"], &tree).await?)?;
    assert_eq!(report["board"]["id"], "raspberry-pi-4b");
    let sensors = report["sensors"].as_array().unwrap();
    let rule = |name: &str| sensors.iter().find(|sensor| sensor["name"] == name).unwrap()["rule"].clone();
    assert_eq!(rule("thermal:cpu-thermal"), "High Temperature (>= 78), Critical Temperature (>= 83)");
    assert_eq!(rule("hwmon:rpi_volt:in0_lcrit_alarm"), "Undervoltage (>= 1)");
    assert_eq!(rule("wifi:wlan0:signal"), "Weak Wi-Fi (< -75)");
    assert_eq!(rule("uptime"), Value::Null);
    let table = run(&[], &tree).await?;
    assert!(table.contains("Raspberry Pi 4 Model B") && table.contains("Critical Temperature (>= 83)"), "{table}");

    // A capture of the tree is a tree that says the same.
    let capture = dir.path().join("capture.tree");
    run(&["capture", capture.to_str().unwrap()], &tree).await?;
    let again: Value = serde_json::from_str(&run(&["--json"], &capture).await?)?;
    assert_eq!(again["board"]["id"], report["board"]["id"]);
    assert_eq!(again["sensors"], report["sensors"]);
    Ok(())
}
