//! The board's sensors by their lasting names, as a running gateway judges them: chips
//! that change their numbers, rules that name one sensor, descriptions that fit two.

use std::os::unix::fs::symlink;
use std::path::Path;

use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;

fn put(root: &Path, path: &str, text: &str) {
    let (path, new) = (root.join(path), root.join("new"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Replaced at once, as a sysfs attribute is: never seen half-written.
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// One INA219 on the battery of a HAT, another on the rail of 5 V.
fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let zone = "sys/class/thermal/thermal_zone0";
    put(dir.path(), &format!("{zone}/type"), "cpu-thermal\n");
    put(dir.path(), &format!("{zone}/temp"), "48000\n");
    for (number, device, millivolts) in [(0, "1-0042", "8200\n"), (1, "1-0045", "5050\n")] {
        let chip = format!("sys/class/hwmon/hwmon{number}");
        put(dir.path(), &format!("{chip}/name"), "ina219\n");
        put(dir.path(), &format!("{chip}/in1_input"), millivolts);
        let link = dir.path().join(chip).join("device");
        symlink(format!("../../../{device}"), link).unwrap();
    }
    dir
}

fn swap(root: &Path) {
    let class = root.join("sys/class/hwmon");
    for (from, to) in [("hwmon0", "x"), ("hwmon1", "hwmon0"), ("x", "hwmon1")] {
        std::fs::rename(class.join(from), class.join(to)).unwrap();
    }
}

fn rule(name: &str, source: &str, metric: &str, comparison: (&str, f64)) -> String {
    let (operator, threshold) = comparison;
    format!(
        "[[alerts.rule]]\nname = {name:?}\nsource = {source:?}\nmetric = {metric:?}\noperator = {operator:?}\nthreshold = {threshold:?}\nlevel = \"error\"\n"
    )
}

async fn on(root: &Path, more: &str) -> anyhow::Result<Gateway> {
    let config = format!("[board]\nroot = {root:?}\nlost_after_s = 2\n{more}");
    Gateway::builder().config(&config).start().await
}

async fn alerts(client: &Client) -> anyhow::Result<Vec<Value>> {
    let alerts = client.get("/api/alerts").await?.expect(200).json();
    Ok(alerts["alerts"].as_array().unwrap().clone())
}

async fn alert(client: &Client, title: &str) -> anyhow::Result<Value> {
    eventually(title, || async {
        let all = alerts(client).await?;
        Ok(all.into_iter().find(|alert| alert["title"] == title))
    })
    .await
}

async fn is_over(client: &Client, title: &str) -> anyhow::Result<()> {
    eventually(title, || async {
        let all = alerts(client).await?;
        let of_title = all.iter().find(|alert| alert["title"] == title).unwrap();
        let over = !of_title["cleared_at"].is_null() || of_title["resolved"] == true;
        Ok(over.then_some(()))
    })
    .await
}

async fn value(client: &Client, name: &str, expected: f64) -> anyhow::Result<()> {
    eventually(name, || async {
        let health = client.get("/api/health/detailed").await?.expect(200).json();
        let mut sensors = health["board"]["sensors"].as_array().unwrap().iter();
        let is = |s: &&Value| s["name"] == name && s["value"] == expected && s["state"] == "fresh";
        Ok(sensors.find(is).map(|_| ()))
    })
    .await
}

/// Neither a swap while it runs nor one at the next boot makes the rail the battery, and
/// the alert about the rail is the same one afterwards.
#[tokio::test]
async fn chips_that_swap_their_numbers_keep_their_rules_and_alerts() -> anyhow::Result<()> {
    let tree = tree();
    let rail = "board/hwmon:ina219@1-0045:in1";
    let rules = rule("Rail Low", rail, "voltage", ("<", 4.5));
    let mut gateway = on(tree.path(), &rules).await?;
    let admin = gateway.admin()?;
    value(&admin, "hwmon:ina219@1-0042:in1", 8.2).await?;
    swap(tree.path());
    put(tree.path(), "sys/class/hwmon/hwmon0/in1_input", "4100\n");
    let low = alert(&admin, "Rail Low").await?;
    assert_eq!(
        (&low["subject"], &low["value"]),
        (&rail.into(), &4.1.into())
    );

    anyhow::ensure!(gateway.stop().await?.success());
    swap(tree.path());
    gateway.restart().await?;
    let admin = gateway.admin()?;
    value(&admin, "hwmon:ina219@1-0045:in1", 4.1).await?;
    value(&admin, "hwmon:ina219@1-0042:in1", 8.2).await?;
    let all = alerts(&admin).await?;
    let of_board: Vec<&Value> = all
        .iter()
        .filter(|alert| {
            alert["subject"]
                .as_str()
                .unwrap()
                .starts_with("board/hwmon")
        })
        .collect();
    assert_eq!(of_board.len(), 1, "{all:?}");
    assert_eq!(of_board[0]["id"], low["id"]);
    assert!(
        !all.iter().any(|alert| alert["title"] == "Critical Battery"),
        "{all:?}"
    );
    Ok(())
}

/// The names of before the upgrade: while one chip had the name it is that one; where two
/// could be meant, and where there is none, the rule is told to be blind.
#[tokio::test]
async fn a_rule_means_its_sensor_by_an_old_name_or_says_that_it_has_none() -> anyhow::Result<()> {
    let tree = tree();
    std::fs::remove_dir_all(tree.path().join("sys/class/hwmon/hwmon0"))?;
    let rules = rule(
        "By Old Name",
        "board/hwmon:ina219:in1",
        "voltage",
        ("<", 6.0),
    ) + &rule(
        "Of Nothing",
        "board/hwmon:lm75:temp1",
        "temperature",
        (">", 70.0),
    ) + &rule(
        "Other Metric",
        "board/thermal:cpu-thermal",
        "voltage",
        (">", 1.0),
    );
    let gateway = on(tree.path(), &rules).await?;
    let admin = gateway.admin()?;
    let old = alert(&admin, "By Old Name").await?;
    assert_eq!(old["value"], 5.05);
    for (subject, word) in [
        (
            "board/hwmon:lm75:temp1",
            "no sensor of this board is called so",
        ),
        (
            "board/thermal:cpu-thermal",
            "it gives temperature, and Other Metric looks at voltage",
        ),
    ] {
        eventually(subject, || async {
            let all = alerts(&admin).await?;
            let is = |alert: &&Value| {
                alert["title"] == "Rule Without Sensor"
                    && alert["subject"] == subject
                    && alert["message"].as_str().unwrap().contains(word)
            };
            Ok(all.iter().find(is).map(|_| ()))
        })
        .await?;
    }
    // The rule goes, and with it what was told of it.
    admin
        .delete("/api/alerts/rules/Of%20Nothing")
        .await?
        .expect(200);
    eventually("the end of it", || async {
        let all = alerts(&admin).await?;
        let of_it = |alert: &&Value| alert["subject"] == "board/hwmon:lm75:temp1";
        let told = all.iter().find(of_it).unwrap();
        let over = !told["cleared_at"].is_null() || told["resolved"] == true;
        Ok(over.then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_description_that_fits_two_chips_is_an_alert_that_names_both() -> anyhow::Result<()> {
    let tree = tree();
    let words = "ignore = [\"uptime\"]\n[[board.sensor]]\nchip = \"ina219\"\nchannel = \"in1\"\nrole = \"undervoltage\"\n";
    let mut gateway = on(tree.path(), words).await?;
    let admin = gateway.admin()?;
    let refused = alert(&admin, "Board Description Refused").await?;
    let message = refused["message"].as_str().unwrap();
    for part in ["[[board.sensor]] ina219 in1", "1-0042", "1-0045"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    value(&admin, "thermal:cpu-thermal", 48.0).await?;

    // Still refused after a restart: the same alert, with who acknowledged it.
    anyhow::ensure!(gateway.stop().await?.success());
    gateway.restart().await?;
    let admin = gateway.admin()?;
    value(&admin, "thermal:cpu-thermal", 48.0).await?;
    let all = alerts(&admin).await?;
    let told: Vec<&Value> = all
        .iter()
        .filter(|alert| alert["title"] == "Board Description Refused")
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["id"], refused["id"]);
    assert!(told[0]["cleared_at"].is_null(), "{told:?}");
    Ok(())
}

/// 120 °C without a way there is a broken thermometer, and is told as one.
#[tokio::test]
async fn a_temperature_that_jumps_is_a_faulty_sensor() -> anyhow::Result<()> {
    let tree = tree();
    let gateway = on(tree.path(), "").await?;
    let admin = gateway.admin()?;
    value(&admin, "thermal:cpu-thermal", 48.0).await?;
    put(
        tree.path(),
        "sys/class/thermal/thermal_zone0/temp",
        "120000\n",
    );
    let faulty = alert(&admin, "Board Sensor Faulty").await?;
    assert_eq!(faulty["subject"], "board/temperature");
    let all = alerts(&admin).await?;
    assert!(
        !all.iter()
            .any(|alert| alert["title"] == "Critical Temperature"),
        "{all:?}"
    );
    put(
        tree.path(),
        "sys/class/thermal/thermal_zone0/temp",
        "51000\n",
    );
    value(&admin, "thermal:cpu-thermal", 51.0).await
}

/// Of a board without a thermal zone the chip beside the processor is judged.
#[tokio::test]
async fn a_board_without_a_thermal_zone_has_its_temperature_judged() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    put(dir.path(), "sys/class/hwmon/hwmon0/name", "lm75\n");
    put(dir.path(), "sys/class/hwmon/hwmon0/temp1_input", "95000\n");
    let gateway = on(dir.path(), "").await?;
    let admin = gateway.admin()?;
    let hot = alert(&admin, "Critical Temperature").await?;
    assert_eq!(
        (&hot["subject"], &hot["value"]),
        (&"board".into(), &95.0.into())
    );
    put(dir.path(), "sys/class/hwmon/hwmon0/temp1_input", "45000\n");
    is_over(&admin, "Critical Temperature").await
}

/// One rule more than sensors can be watched by: it is told, and works once another goes.
#[tokio::test]
async fn a_rule_that_found_no_place_gets_the_next_that_is_free() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut rules = String::new();
    for number in 0..33 {
        let address = format!("1-00{:02x}", 0x10 + number);
        let chip = format!("sys/class/hwmon/hwmon{number}");
        put(dir.path(), &format!("{chip}/name"), "lm75\n");
        put(dir.path(), &format!("{chip}/temp1_input"), "30000\n");
        symlink(
            format!("../../../{address}"),
            dir.path().join(chip).join("device"),
        )?;
        let source = format!("board/hwmon:lm75@{address}:temp1");
        let name = format!("Rule {number}");
        rules += &rule(&name, &source, "temperature", (">", 90.0));
    }
    let gateway = on(dir.path(), &rules).await?;
    let admin = gateway.admin()?;
    let blind = alert(&admin, "Rule Without Sensor").await?;
    let message = blind["message"].as_str().unwrap();
    assert!(message.contains("as many sensors as can be"), "{message}");
    admin
        .delete("/api/alerts/rules/Rule%200")
        .await?
        .expect(200);
    is_over(&admin, "Rule Without Sensor").await
}
