//! The board's sensors, from files that change under a running gateway to
//! alerts, health and `/metrics`.
//!
//! The trees are those of `boards/tests/trees`, unpacked and changed as a
//! kernel would change sysfs. The waits are the sampling's real periods.

mod absent;
mod disk;
mod machine;
mod plugged;
mod report;
mod rules;
mod supplies;

use boards::Tree;
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;

const PI_4B: &str = include_str!("../../../boards/tests/trees/pi-4b.tree");
const ZONE: &str = "sys/class/thermal/thermal_zone0/temp";
const SUPPLY: &str = "sys/class/hwmon/hwmon1/in0_lcrit_alarm";

const WIRELESS: &str =
    "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
";

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
