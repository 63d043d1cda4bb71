//! The rules of the board: each fires, and ends.

use boards::Tree;
use gateway_tests::{Client, Gateway};

use super::{SUPPLY, WIRELESS, ZONE, alert, config, is_over, on, pi, put, sensor, stands, titles};

#[tokio::test]
async fn a_hot_board_and_a_weak_supply_raise_alerts_and_end_them() -> anyhow::Result<()> {
    let tree = pi()?;
    let gateway = on(&tree).await?;
    let admin = gateway.admin()?;
    let cool = sensor(&admin, "thermal:cpu-thermal", |sensor| {
        sensor["state"] == "fresh"
    })
    .await?;
    assert_eq!(
        (&cool["value"], &cool["metric"]),
        (&48.686.into(), &"temperature".into())
    );

    put(&tree, ZONE, "91500\n");
    put(&tree, SUPPLY, "1\n");
    let hot = alert(&admin, "Critical Temperature", stands).await?;
    assert_eq!(
        (&hot["value"], &hot["subject"]),
        (&91.5.into(), &"board".into())
    );
    alert(&admin, "High Temperature", stands).await?;
    let weak = alert(&admin, "Undervoltage", stands).await?;
    assert_eq!(
        (&weak["level"], &weak["metric"]),
        (&"error".into(), &"undervoltage".into())
    );

    put(&tree, ZONE, "55000\n");
    put(&tree, SUPPLY, "0\n");
    for title in ["Critical Temperature", "High Temperature", "Undervoltage"] {
        alert(&admin, title, is_over).await?;
    }
    assert_eq!(titles(&admin).await?.len(), 3, "each was raised once");
    Ok(())
}

/// One sensor that goes wrong and is mended.
struct Trouble {
    rule: &'static str,
    level: &'static str,
    sensor: &'static str,
    /// A file's text, or none for a file that goes away.
    file: &'static str,
    wrong: Option<&'static str>,
    right: &'static str,
    /// Metric of the page with its value while wrong, after its labels.
    figure: (&'static str, &'static str),
}

const TROUBLES: [Trouble; 5] = [
    Trouble {
        rule: "Weak Wi-Fi",
        level: "warning",
        sensor: "wifi:wlan0:signal",
        file: "proc/net/wireless",
        wrong: Some(
            " wlan0: 0000   22.  -84.  -256        0      0      0      0      0        3\n",
        ),
        right: " wlan0: 0000   60.  -52.  -256        0      0      0      0      0        3\n",
        figure: ("mfg_drone_board_sensor_signal_dbm", "-84.0"),
    },
    Trouble {
        rule: "Throttled",
        level: "warning",
        sensor: "throttle:now",
        file: "sys/devices/platform/soc/soc:firmware/get_throttled",
        wrong: Some("4\n"),
        right: "40000\n",
        figure: ("mfg_drone_board_sensor_flag", "1.0"),
    },
    Trouble {
        rule: "Undervoltage",
        level: "error",
        sensor: "hwmon:rpi_volt:in0_lcrit_alarm",
        file: SUPPLY,
        wrong: Some("1\n"),
        right: "0\n",
        figure: ("mfg_drone_board_sensor_flag", "1.0"),
    },
    Trouble {
        rule: "Clock Unsynchronised",
        level: "warning",
        sensor: "clock:synchronised",
        file: "run/systemd/timesync/synchronized",
        wrong: None,
        right: "",
        figure: ("mfg_drone_board_sensor_flag", "0.0"),
    },
    Trouble {
        rule: "Critical Temperature",
        level: "critical",
        sensor: "thermal:cpu-thermal",
        file: ZONE,
        wrong: Some("93000\n"),
        right: "50000\n",
        figure: ("mfg_drone_board_sensor_temperature_celsius", "93.0"),
    },
];

impl Trouble {
    fn make(&self, tree: &Tree) {
        match self.wrong {
            Some(text) => self.put(tree, text),
            None => std::fs::remove_file(tree.root().join(self.file)).unwrap(),
        }
    }

    fn mend(&self, tree: &Tree) {
        self.put(tree, self.right);
    }

    fn put(&self, tree: &Tree, text: &str) {
        let heading = if self.file == "proc/net/wireless" {
            WIRELESS
        } else {
            ""
        };
        put(tree, self.file, &format!("{heading}{text}"));
    }

    /// The line of the page for this sensor says so.
    fn is_on(&self, page: &str, value: &str) -> bool {
        let begin = format!("{}{{sensor=\"{}\",", self.figure.0, self.sensor);
        page.lines()
            .any(|line| line.starts_with(&begin) && line.ends_with(&format!(" {value}")))
    }
}

/// An eMMC module: a Compute Module's, whose life is used up to so many tenths.
fn put_card(tree: &Tree, tenths: u8) {
    let card = tree.root().join("sys/bus/mmc/devices/mmc2:0001");
    std::fs::create_dir_all(&card).unwrap();
    for (name, text) in [
        ("name", "BJTD4R\n"),
        ("life_time", &format!("{tenths:#04x} 0x01\n")),
        ("type", "MMC\n"),
    ] {
        std::fs::write(card.join(name), text).unwrap();
    }
}

#[tokio::test]
async fn every_rule_of_the_board_fires_and_ends_through_all_faces() -> anyhow::Result<()> {
    let tree = pi()?;
    put_card(&tree, 9);
    // As the default rule, without its fifteen minutes.
    let rule = "[[alerts.rule]]\nname = \"Clock Unsynchronised\"\nmetric = \"clock_synchronised\"\noperator = \"<\"\n\
                threshold = 1\nlevel = \"warning\"\nfor_s = 1\nsource = \"board\"";
    let gateway = Gateway::builder()
        .config(&config(&tree, rule))
        .start()
        .await?;
    let admin = gateway.admin()?;
    let worn = alert(&admin, "Storage Worn", stands).await?;
    assert_eq!(
        (&worn["value"], &worn["level"], &worn["subject"]),
        (&90.0.into(), &"warning".into(), &"board".into())
    );
    for trouble in &TROUBLES {
        sensor(&admin, trouble.sensor, |sensor| sensor["state"] == "fresh").await?;
    }
    assert_eq!(
        titles(&admin).await?,
        ["Storage Worn"],
        "nothing else is wrong yet"
    );

    every_rule_fires(&admin, &tree).await?;
    every_alert_ends(&admin, &tree).await
}

async fn every_rule_fires(admin: &Client, tree: &Tree) -> anyhow::Result<()> {
    for trouble in &TROUBLES {
        trouble.make(tree);
    }
    for trouble in &TROUBLES {
        let raised = alert(admin, trouble.rule, stands).await?;
        assert_eq!(
            (&raised["level"], &raised["subject"]),
            (&trouble.level.into(), &"board".into()),
            "{raised}"
        );
        let wrong: f64 = trouble.figure.1.parse()?;
        sensor(admin, trouble.sensor, |sensor| sensor["value"] == wrong).await?;
        let page = admin.get("/metrics").await?.expect(200).text();
        assert!(
            trouble.is_on(&page, trouble.figure.1),
            "{}: {page}",
            trouble.sensor
        );
    }
    let health = admin.get("/api/health/detailed").await?.expect(200).json();
    let unresolved = &health["alert_summary"]["unresolved_alerts"];
    // The hot board is high and critical.
    assert_eq!(unresolved, TROUBLES.len() + 2, "{health:#}");
    Ok(())
}

async fn every_alert_ends(admin: &Client, tree: &Tree) -> anyhow::Result<()> {
    for trouble in &TROUBLES {
        trouble.mend(tree);
    }
    // The worn module is taken out, and another one put in.
    std::fs::remove_dir_all(tree.root().join("sys/bus/mmc/devices/mmc2:0001"))?;
    sensor(admin, "mmc:mmc2:0001:life-used", |sensor| {
        sensor["state"] != "fresh"
    })
    .await?;
    put_card(tree, 1);
    for title in TROUBLES
        .map(|trouble| trouble.rule)
        .into_iter()
        .chain(["High Temperature", "Storage Worn"])
    {
        alert(admin, title, is_over).await?;
    }
    for trouble in &TROUBLES {
        let page = admin.get("/metrics").await?.expect(200).text();
        assert!(
            !trouble.is_on(&page, trouble.figure.1),
            "{}: {page}",
            trouble.sensor
        );
    }
    let page = admin.get("/metrics").await?.expect(200).text();
    assert!(page.contains("mfg_drone_alerts_unresolved 0.0\n"), "{page}");
    assert_eq!(
        titles(admin).await?.len(),
        TROUBLES.len() + 2,
        "each was raised once"
    );
    Ok(())
}

#[tokio::test]
async fn the_boards_own_limits_lower_the_temperature_rules() -> anyhow::Result<()> {
    let tree = pi()?;
    put(
        &tree,
        "sys/class/thermal/thermal_zone0/trip_point_1_type",
        "passive\n",
    );
    put(
        &tree,
        "sys/class/thermal/thermal_zone0/trip_point_1_temp",
        "70000\n",
    );
    let gateway = on(&tree).await?;
    let admin = gateway.admin()?;
    let rules = admin.get("/api/alerts/rules").await?.expect(200).json();
    let rules = rules["rules"].as_array().unwrap();
    let threshold = |name: &str| {
        rules
            .iter()
            .find(|rule| rule["name"] == name)
            .map(|rule| rule["threshold"].clone())
    };
    assert_eq!(threshold("High Temperature"), Some(68.0.into()));
    assert_eq!(
        threshold("Critical Temperature"),
        Some(83.0.into()),
        "a Pi 4 is rated to 85 °C by its profile"
    );
    assert_eq!(rules[0]["name"], "High CPU Usage");
    assert_eq!(
        rules[6]["name"], "High Temperature",
        "in its documented place"
    );
    put(&tree, ZONE, "69000\n");
    alert(&admin, "High Temperature", stands).await?;
    Ok(())
}

#[tokio::test]
async fn of_two_batteries_either_raises_the_alert() -> anyhow::Result<()> {
    let tree = Tree::from_manifest(include_str!(
        "../../../boards/tests/trees/x86-two-batteries.tree"
    ))?;
    let gateway = on(&tree).await?;
    let admin = gateway.admin()?;
    sensor(&admin, "power:BAT0:charge", |sensor| {
        sensor["state"] == "fresh"
    })
    .await?;
    put(&tree, "sys/class/power_supply/BAT1/capacity", "9\n");
    let low = alert(&admin, "Critical Battery", stands).await?;
    assert_eq!(
        (&low["value"], &low["subject"]),
        (&9.0.into(), &"board".into()),
        "{low}"
    );
    // The other one falls before this one is mended: the alert stands on.
    put(&tree, "sys/class/power_supply/BAT0/capacity", "8\n");
    sensor(&admin, "power:BAT0:charge", |sensor| sensor["value"] == 8.0).await?;
    put(&tree, "sys/class/power_supply/BAT1/capacity", "90\n");
    sensor(&admin, "power:BAT1:charge", |sensor| {
        sensor["value"] == 90.0
    })
    .await?;
    alert(&admin, "Critical Battery", stands).await?;
    put(&tree, "sys/class/power_supply/BAT0/capacity", "98\n");
    alert(&admin, "Critical Battery", is_over).await?;
    Ok(())
}

/// The empty one of two batteries is taken out, and the gateway does not live to see more:
/// the other one, after the restart, says nothing of it.
#[tokio::test]
async fn a_battery_that_is_away_after_a_restart_resolves_nothing() -> anyhow::Result<()> {
    let tree = Tree::from_manifest(include_str!(
        "../../../boards/tests/trees/x86-two-batteries.tree"
    ))?;
    put(&tree, "sys/class/power_supply/BAT0/capacity", "90\n");
    put(&tree, "sys/class/power_supply/BAT1/capacity", "12\n");
    let config = config(&tree, "lost_after_s = 1");
    let mut gateway = Gateway::builder().config(&config).start().await?;
    let admin = gateway.admin()?;
    let low = alert(&admin, "Low Battery", stands).await?;
    let bat1 = tree.root().join("sys/class/power_supply/BAT1");
    let kept = tree.root().join("BAT1");
    std::fs::rename(&bat1, &kept)?;
    let lost = alert(&admin, "Board Sensor Lost", stands).await?;
    gateway.kill().await?;
    gateway.restart().await?;
    let admin = gateway.admin()?;
    sensor(&admin, "power:BAT0:charge", |sensor| {
        sensor["value"] == 90.0
    })
    .await?;
    // Its words are of this run: by then the other battery was judged.
    alert(&admin, "Board Sensor Lost", |alert| {
        alert["id"] == lost["id"] && alert["message"].as_str().unwrap().contains("not there")
    })
    .await?;
    for known in [&low, &lost] {
        let title = known["title"].as_str().unwrap();
        let now = alert(&admin, title, |alert| alert["id"] == known["id"]).await?;
        assert!(stands(&now), "{now}");
    }
    // The same one is back, and says itself how it is.
    std::fs::rename(&kept, &bat1)?;
    alert(&admin, "Board Sensor Lost", |alert| {
        alert["id"] == lost["id"] && is_over(alert)
    })
    .await?;
    let is_low = |alert: &serde_json::Value| alert["id"] == low["id"];
    assert!(stands(&alert(&admin, "Low Battery", is_low).await?));
    put(&tree, "sys/class/power_supply/BAT1/capacity", "80\n");
    alert(&admin, "Low Battery", |alert| {
        is_low(alert) && is_over(alert)
    })
    .await?;
    Ok(())
}
