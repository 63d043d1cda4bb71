//! What the command line and the API tell of sensors and their rules.

use std::path::Path;

use gateway_tests::Gateway;
use serde_json::Value;
use tokio::process::Command;

use super::{PI_4B, WIRELESS, alert, pi, put, stands};

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
