//! What is not known is absent, with its reason.

use boards::Tree;
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;

use super::{SUPPLY, ZONE, alert, config, pi, put, sensor, titles};

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
    // (The disk is the machine's own, and may be full.)
    let mut titles = titles(&admin).await?;
    titles.retain(|title| title != "High Disk Usage");
    assert_eq!(titles, [""; 0]);

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

#[tokio::test]
async fn failing_sensors_are_absent_with_a_reason_and_make_no_storm() -> anyhow::Result<()> {
    let tree = pi()?;
    // The thirty seconds of the default are for real buses.
    let gateway = Gateway::builder()
        .config(&config(&tree, "lost_after_s = 2"))
        .start()
        .await?;
    let admin = gateway.admin()?;
    break_three(&admin, &tree).await?;
    the_page_tells_the_reason(&admin).await?;
    the_log_tells_it_once(&gateway, &admin).await?;
    the_loss_is_told_once_for_each_metric(&admin).await?;
    // It works again: within the longest back-off there is a value.
    put(&tree, ZONE, "50000\n");
    sensor(&admin, "thermal:cpu-thermal", fresh).await?;
    Ok(())
}

fn fresh(sensor: &Value) -> bool {
    sensor["state"] == "fresh"
}

/// Breaks a thermal zone, a supply and a clock, each in its own way.
async fn break_three(admin: &Client, tree: &Tree) -> anyhow::Result<()> {
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
        sensor(admin, name, fresh).await?;
    }

    put(tree, ZONE, "no temperature today\n");
    std::fs::remove_file(tree.root().join(SUPPLY))?;
    // What is no regular file cannot be read, as an attribute whose driver fails.
    let clock = tree
        .root()
        .join("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq");
    std::fs::remove_file(&clock)?;
    std::fs::create_dir(&clock)?;
    put(
        tree,
        "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq",
        "-99999999999999999999\n",
    );
    sensor(admin, "thermal:cpu-thermal", failed("holds no value")).await?;
    sensor(admin, "hwmon:rpi_volt:in0_lcrit_alarm", failed("gone")).await?;
    sensor(admin, "cpufreq:policy0:now", failed("read failed")).await?;
    Ok(())
}

async fn the_page_tells_the_reason(admin: &Client) -> anyhow::Result<()> {
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
    Ok(())
}

/// In the line itself, and once however often it is tried.
async fn the_log_tells_it_once(gateway: &Gateway, admin: &Client) -> anyhow::Result<()> {
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
    Ok(())
}

async fn the_loss_is_told_once_for_each_metric(admin: &Client) -> anyhow::Result<()> {
    let lost = alert(admin, "Board Sensor Lost", |alert| {
        alert["subject"] == "board/temperature"
    })
    .await?;
    assert!(
        lost["message"].as_str().unwrap().contains("holds no value"),
        "{lost}"
    );
    alert(admin, "Board Sensor Lost", |alert| {
        alert["subject"] == "board/undervoltage"
    })
    .await?;
    let titles = titles(admin).await?;
    assert_eq!(
        titles, ["Board Sensor Lost"; 2],
        "nothing else is raised by what is unknown"
    );
    Ok(())
}
