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

/// A configuration for that tree. The rules on what the tree does not tell, the
/// load and the disk of the machine that runs the test, are off.
fn config(tree: &Tree, lines: &str) -> String {
    let mut config = format!("[board]\nroot = {:?}\n{lines}\n", tree.root());
    for (level, metric) in ["High", "Critical"]
        .iter()
        .flat_map(|level| ["CPU", "Memory", "Disk"].map(|m| (level, m)))
    {
        let key = metric.to_lowercase() + "_usage";
        config +=
            &format!("[[alerts.rule]]\nname = \"{level} {metric} Usage\"\nmetric = \"{key}\"\n");
        config += "operator = \">=\"\nthreshold = 100\nlevel = \"info\"\nenabled = false\n";
    }
    config
}

async fn on(tree: &Tree) -> anyhow::Result<Gateway> {
    Gateway::builder().config(&config(tree, "")).start().await
}

/// Waits for an alert of that title that `is` as wanted.
async fn alert(client: &Client, title: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    eventually(title, || async {
        let alerts = client.get("/api/alerts").await?.expect(200).json();
        Ok(alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|alert| alert["title"] == title && is(alert))
            .cloned())
    })
    .await
}

async fn titles(client: &Client) -> anyhow::Result<Vec<String>> {
    let alerts = client.get("/api/alerts").await?.expect(200).json();
    let titles = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["title"].as_str().unwrap().to_owned());
    Ok(titles.collect())
}

/// Waits for a sensor of the health page that `is` as wanted.
async fn sensor(client: &Client, name: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    eventually(name, || async {
        let health = client.get("/api/health/detailed").await?.expect(200).json();
        let sensors = health["board"]["sensors"].as_array().unwrap();
        Ok(sensors
            .iter()
            .find(|sensor| sensor["name"] == name && is(sensor))
            .cloned())
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

const WIRELESS: &str =
    "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
";

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

    for trouble in &TROUBLES {
        trouble.make(&tree);
    }
    for trouble in &TROUBLES {
        let raised = alert(&admin, trouble.rule, stands).await?;
        assert_eq!(
            (&raised["level"], &raised["subject"]),
            (&trouble.level.into(), &"board".into()),
            "{raised}"
        );
        let wrong: f64 = trouble.figure.1.parse()?;
        sensor(&admin, trouble.sensor, |sensor| sensor["value"] == wrong).await?;
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

    for trouble in &TROUBLES {
        trouble.mend(&tree);
    }
    // The worn module is taken out, and another one put in.
    std::fs::remove_dir_all(tree.root().join("sys/bus/mmc/devices/mmc2:0001"))?;
    sensor(&admin, "mmc:mmc2:0001:life-used", |sensor| {
        sensor["state"] != "fresh"
    })
    .await?;
    put_card(&tree, 1);
    for title in TROUBLES
        .map(|trouble| trouble.rule)
        .into_iter()
        .chain(["High Temperature", "Storage Worn"])
    {
        alert(&admin, title, is_over).await?;
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
        titles(&admin).await?.len(),
        TROUBLES.len() + 2,
        "each was raised once"
    );
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_told_and_taken_back() -> anyhow::Result<()> {
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(medium) = super::durable::Medium::mount() else {
        return Ok(());
    };
    let root = medium.path().join("root");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(pi()?.root())
        .arg(&root)
        .status()
        .await?;
    anyhow::ensure!(copied.success(), "the tree is copied onto the medium");
    let gateway = Gateway::builder()
        .config(&format!("[board]\nroot = {root:?}\n"))
        .start()
        .await?;
    let admin = gateway.admin()?;
    medium.fill();
    let raised = alert(&admin, "Critical Disk Usage", stands).await?;
    assert_eq!(
        (&raised["metric"], &raised["level"]),
        (&"disk_usage".into(), &"critical".into()),
        "{raised}"
    );
    alert(&admin, "High Disk Usage", stands).await?;
    let page = admin.get("/metrics").await?.expect(200).text();
    assert!(page.contains("mfg_drone_alerts_unresolved 2.0\n"), "{page}");
    medium.free();
    for title in ["Critical Disk Usage", "High Disk Usage"] {
        alert(&admin, title, is_over).await?;
    }
    Ok(())
}

/// Of a board whose files say nothing of memory, none is shown, judged or kept;
/// a figure that a test injects is what is served.
#[tokio::test]
async fn what_the_machine_does_not_say_is_absent() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    std::fs::write(
        root.path().join("host.toml"),
        "[processor]\nusage_pct = 42.5\nper_core_pct = [85.0, 0.0]\ncores = 2\n",
    )?;
    let rule = "[[alerts.rule]]\nname = \"No Memory\"\nmetric = \"memory_usage\"\noperator = \"<=\"\nthreshold = 1\nlevel = \"info\"\n";
    let gateway = Gateway::builder()
        .config(&format!("[board]\nroot = {:?}\n{rule}", root.path()))
        .start()
        .await?;
    let admin = gateway.admin()?;
    let kept = |metric: &str| {
        let path = format!("/api/performance/metrics?metric_name={metric}");
        let admin = &admin;
        async move {
            let body = admin.get(&path).await?.expect(200).json();
            anyhow::Ok(body["metrics"].as_array().unwrap().clone())
        }
    };
    // All are published at once: where one is, the others would be.
    let processor = eventually("a sample", || async {
        Ok(kept("cpu_usage").await?.first().cloned())
    })
    .await?;
    assert_eq!(kept("memory_usage").await?, [Value::Null; 0]);
    assert_eq!(processor["value"], 42.5, "{processor}");
    assert_eq!(titles(&admin).await?, [""; 0]);

    let system = admin.get("/api/dashboard/system").await?.expect(200).json();
    assert_eq!(
        (&system["cpu_usage"], &system["memory_usage"]),
        (&42.5.into(), &Value::Null)
    );
    let host = admin.get("/api/dashboard/performance").await?.expect(200);
    let host = host.json();
    assert_eq!(
        (&host["cpu"]["count"], &host["cpu"]["usage_per_core"]),
        (&2.into(), &serde_json::json!([85.0, 0.0]))
    );
    for group in ["memory", "swap", "network", "processes"] {
        let figures = host[group].as_object().unwrap();
        assert!(figures.values().all(Value::is_null), "{group}: {host}");
    }
    let page = admin.get("/metrics").await?.expect(200).text();
    assert!(page.contains("mfg_drone_board_cpu_usage_percent 42.5\n"));
    assert!(!page.contains("mfg_drone_board_memory_usage_percent"));
    Ok(())
}

/// As from a card image: the root never fills, what is written lies elsewhere.
#[tokio::test]
async fn beside_a_read_only_root_the_disk_is_that_of_the_state_directory() -> anyhow::Result<()> {
    // Fails at the alert that does not come, or does not end.
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(root) = super::durable::Medium::mount() else {
        return Ok(());
    };
    let Some(written) = super::durable::Medium::mount() else {
        return Ok(());
    };
    root.remount("ro");
    let config = format!("[board]\nroot = {:?}\n", root.path());
    let gateway = Gateway::builder()
        .state(&written.state())
        .config(&config)
        .start()
        .await?;
    let admin = gateway.admin()?;
    written.fill();
    alert(&admin, "Critical Disk Usage", stands).await?;
    written.free();
    alert(&admin, "Critical Disk Usage", is_over).await?;
    Ok(())
}

#[tokio::test]
async fn of_radios_those_to_drones_are_watched() -> anyhow::Result<()> {
    let tree = pi()?;
    let dead = WIRELESS.to_owned()
        + " wlan0: 0000   60.  -90.  -256        0      0      0      0      0        0\n wlan1: 0000   60.  -84.  -256        0      0      0      0      0        0\n";
    put(&tree, "proc/net/wireless", &dead);
    std::fs::create_dir_all(tree.root().join("sys/class/net/wlan1/wireless"))?;
    put(&tree, "sys/class/net/wlan1/operstate", "up\n");
    let drone =
        "[[drones.drone]]\nid = \"scout\"\ninterface = \"wlan1\"\naddress = \"192.168.10.1\"\n";
    let gateway = Gateway::builder()
        .config(&format!("[board]\nroot = {:?}\n", tree.root()))
        .drones(drone)
        .prepare()?;

    let output = gateway.command(&["boards", "--json"]).output().await?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let named = |name: &str| {
        report["sensors"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        named("wifi:wlan1:signal")["label"],
        "wlan1 received signal, to drone scout"
    );
    assert_eq!(named("wifi:wlan1:signal")["rule"], "Weak Wi-Fi (< -75)");
    assert_eq!(
        named("wifi:wlan0:signal")["rule"],
        Value::Null,
        "the site's network is not ours to judge"
    );

    let gateway = gateway.start().await?;
    let raised = alert(&gateway.admin()?, "Weak Wi-Fi", stands).await?;
    assert_eq!(raised["value"], -84.0, "{raised}");
    Ok(())
}

#[tokio::test]
async fn rules_list_and_check_show_the_boards_own() -> anyhow::Result<()> {
    let tree = pi()?;
    let config = format!(
        "[board]\nroot = {:?}\n[[alerts.rule]]\nname = \"Weak Wi-Fi\"\nmetric = \"wifi_signal\"\noperator = \"<\"\n\
         threshold = -66\nlevel = \"info\"\n",
        tree.root()
    );
    let prepared = Gateway::builder().config(&config).prepare()?;
    let file = prepared.file.to_str().unwrap().to_owned();
    for arguments in [&["rules", "check", &file][..], &["rules", "list"]] {
        let output = prepared.command(arguments).output().await?;
        let listed = String::from_utf8(output.stdout)?;
        assert!(output.status.success(), "{listed}");
        let line = |name: &str| {
            listed
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_default()
                .to_owned()
        };
        assert!(
            line("Critical Temperature").contains("83"),
            "the profile's 85 °C lowers it: {listed}"
        );
        assert!(line("Undervoltage").contains("board"), "{listed}");
        assert!(
            line("Weak Wi-Fi").contains("-66") && line("Weak Wi-Fi").contains("info"),
            "the file's own: {listed}"
        );
        assert!(listed.contains("Raspberry Pi 4 Model B"), "{listed}");
    }
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
async fn failing_sensors_are_absent_with_a_reason_and_make_no_storm() -> anyhow::Result<()> {
    let tree = pi()?;
    // The thirty seconds of the default are for real buses.
    let gateway = Gateway::builder()
        .config(&config(&tree, "lost_after_s = 2"))
        .start()
        .await?;
    let admin = gateway.admin()?;
    let fresh = |sensor: &Value| sensor["state"] == "fresh";
    let failed = |reason: &'static str| {
        move |sensor: &Value| {
            sensor["state"] != "fresh"
                && sensor["reason"]
                    .as_str()
                    .is_some_and(|text| text.contains(reason))
        }
    };
    for name in [
        "thermal:cpu-thermal",
        "cpufreq:policy0:now",
        "hwmon:rpi_volt:in0_lcrit_alarm",
    ] {
        sensor(&admin, name, fresh).await?;
    }

    put(&tree, ZONE, "no temperature today\n");
    std::fs::remove_file(tree.root().join(SUPPLY))?;
    // What is no regular file cannot be read, as an attribute whose driver fails.
    let clock = tree
        .root()
        .join("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq");
    std::fs::remove_file(&clock)?;
    std::fs::create_dir(&clock)?;
    put(
        &tree,
        "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq",
        "-99999999999999999999\n",
    );
    sensor(&admin, "thermal:cpu-thermal", failed("holds no value")).await?;
    sensor(&admin, "hwmon:rpi_volt:in0_lcrit_alarm", failed("gone")).await?;
    sensor(&admin, "cpufreq:policy0:now", failed("read failed")).await?;

    let page = admin.get("/metrics").await?.expect(200).text();
    assert!(
        !page.contains("mfg_drone_board_sensor_temperature_celsius{sensor=\"thermal:cpu-thermal\""),
        "{page}"
    );
    let missing =
        "mfg_drone_board_sensor_fresh{sensor=\"thermal:cpu-thermal\",reason=\"not_a_number\"} 0";
    assert!(page.contains(missing), "{page}");
    assert!(
        page.contains("mfg_drone_board_sensor_failures_total{sensor=\"thermal:cpu-thermal\"}"),
        "{page}"
    );
    assert!(
        page.contains("mfg_drone_board_info{profile=\"raspberry-pi-4b\""),
        "{page}"
    );

    // The log says so too, in the line itself, and once however often it is tried.
    let line =
        "board sensor thermal:cpu-thermal has no value: the file holds no value of this kind";
    eventually("the reason in the log", || async {
        Ok(gateway.output().contains(line).then_some(()))
    })
    .await?;
    eventually("another attempt", || async {
        let page = admin.get("/metrics").await?.expect(200).text();
        let failures = "mfg_drone_board_sensor_failures_total{sensor=\"thermal:cpu-thermal\"} ";
        let count = page
            .lines()
            .find_map(|line| line.strip_prefix(failures)?.parse::<f64>().ok());
        Ok(count.filter(|count| *count >= 2.0))
    })
    .await?;
    assert_eq!(
        gateway.output().matches(line).count(),
        1,
        "{}",
        gateway.output()
    );

    // The loss is told, once for each metric.
    let lost = alert(&admin, "Board Sensor Lost", |alert| {
        alert["subject"] == "board/temperature"
    })
    .await?;
    assert!(
        lost["message"].as_str().unwrap().contains("holds no value"),
        "{lost}"
    );
    alert(&admin, "Board Sensor Lost", |alert| {
        alert["subject"] == "board/undervoltage"
    })
    .await?;
    let titles = titles(&admin).await?;
    assert_eq!(
        titles, ["Board Sensor Lost"; 2],
        "nothing else is raised by what is unknown"
    );

    // It works again: within the longest back-off there is a value.
    put(&tree, ZONE, "50000\n");
    sensor(&admin, "thermal:cpu-thermal", fresh).await?;
    Ok(())
}

#[tokio::test]
async fn of_two_batteries_either_raises_the_alert() -> anyhow::Result<()> {
    let tree = Tree::from_manifest(include_str!(
        "../../boards/tests/trees/x86-two-batteries.tree"
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

#[tokio::test]
async fn the_command_line_tells_every_sensor_and_its_rules() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let tree = dir.path().join("pi.tree");
    std::fs::write(&tree, PI_4B)?;
    let run = async |arguments: &[&str], tree: &Path| {
        let mut command = Command::new(gateway_tests::gateway::binary());
        command
            .arg("boards")
            .arg("--tree")
            .arg(tree)
            .args(arguments)
            .env_clear();
        let output = command.output().await?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        anyhow::Ok(String::from_utf8(output.stdout)?)
    };
    let report: Value = serde_json::from_str(&run(&["--json"], &tree).await?)?;
    assert_eq!(report["board"]["id"], "raspberry-pi-4b");
    let sensors = report["sensors"].as_array().unwrap();
    let rule = |name: &str| {
        sensors
            .iter()
            .find(|sensor| sensor["name"] == name)
            .unwrap()["rule"]
            .clone()
    };
    assert_eq!(
        rule("thermal:cpu-thermal"),
        "High Temperature (>= 78), Critical Temperature (>= 83)"
    );
    assert_eq!(
        rule("hwmon:rpi_volt:in0_lcrit_alarm"),
        "Undervoltage (>= 1)"
    );
    assert_eq!(rule("wifi:wlan0:signal"), "Weak Wi-Fi (< -75)");
    assert_eq!(rule("uptime"), Value::Null);
    let table = run(&[], &tree).await?;
    assert!(
        table.contains("Raspberry Pi 4 Model B") && table.contains("Critical Temperature (>= 83)"),
        "{table}"
    );

    // A capture of the tree is a tree that says the same.
    let capture = dir.path().join("capture.tree");
    run(&["capture", capture.to_str().unwrap()], &tree).await?;
    let again: Value = serde_json::from_str(&run(&["--json"], &capture).await?)?;
    assert_eq!(again["board"]["id"], report["board"]["id"]);
    assert_eq!(again["sensors"], report["sensors"]);
    Ok(())
}
