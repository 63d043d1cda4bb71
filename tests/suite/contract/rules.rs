//! Rules: the documented ones, and custom ones.

use super::*;

/// The documented rules, in their order: name, metric, operator, threshold, level, type.
const DOCUMENTED: [(&str, &str, &str, f64, &str, &str); 10] = [
    (
        "High CPU Usage",
        "cpu_usage",
        ">=",
        85.0,
        "warning",
        "system",
    ),
    (
        "Critical CPU Usage",
        "cpu_usage",
        ">=",
        95.0,
        "critical",
        "system",
    ),
    (
        "High Memory Usage",
        "memory_usage",
        ">=",
        85.0,
        "warning",
        "system",
    ),
    (
        "Critical Memory Usage",
        "memory_usage",
        ">=",
        95.0,
        "critical",
        "system",
    ),
    (
        "High Disk Usage",
        "disk_usage",
        ">=",
        90.0,
        "error",
        "system",
    ),
    (
        "Critical Disk Usage",
        "disk_usage",
        ">=",
        95.0,
        "critical",
        "system",
    ),
    (
        "High Temperature",
        "temperature",
        ">=",
        80.0,
        "warning",
        "system",
    ),
    (
        "Critical Temperature",
        "temperature",
        ">=",
        90.0,
        "critical",
        "system",
    ),
    (
        "Low Battery",
        "battery_level",
        "<",
        20.0,
        "warning",
        "drone",
    ),
    (
        "Critical Battery",
        "battery_level",
        "<",
        10.0,
        "critical",
        "drone",
    ),
];

#[tokio::test]
async fn rules_are_listed_in_the_documented_order() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let rules = gateway
        .reader()?
        .get("/api/alerts/rules")
        .await?
        .expect(200)
        .json();
    let listed = rules["rules"].as_array().unwrap();
    let names: Vec<&str> = listed
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    // After the documented ten come those of the drone's own boards, then other rooms'.
    let documented = DOCUMENTED.map(|(name, ..)| name);
    let drones = ["High Drone Temperature", "Critical Drone Temperature"];
    assert!(
        names.starts_with(&[&documented[..], &drones[..]].concat()),
        "{names:?}"
    );
    for (rule, (name, metric, operator, threshold, level, kind)) in listed.iter().zip(DOCUMENTED) {
        assert_eq!(
            (&rule["name"], &rule["metric"]),
            (&name.into(), &metric.into()),
            "{rule:#}"
        );
        assert_eq!(
            (&rule["operator"], rule["threshold"].as_f64()),
            (&operator.into(), Some(threshold)),
            "{rule:#}"
        );
        assert_eq!(
            (&rule["level"], &rule["type"]),
            (&level.into(), &kind.into()),
            "{rule:#}"
        );
        assert_eq!(
            (&rule["enabled"], &rule["cooldown_minutes"]),
            (&true.into(), &5.into()),
            "{rule:#}"
        );
        has(rule, &["last_triggered"]);
    }
    assert_eq!(rules["total_count"].as_u64(), Some(listed.len() as u64));
    Ok(())
}

#[tokio::test]
async fn custom_rules_are_made_changed_and_removed() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let rule = json!({"name": "Warm", "metric": "drone_temperature", "operator": ">=", "threshold": 70.5,
        "level": "info", "type": "drone", "for_s": 5, "hysteresis": 2});
    admin
        .json(Method::POST, "/api/alerts/rules", &rule)
        .await?
        .expect(200);
    let find = || async {
        let rules = admin.get("/api/alerts/rules").await?.expect(200).json();
        anyhow::Ok(
            rules["rules"]
                .as_array()
                .unwrap()
                .iter()
                .find(|rule| rule["name"] == "Warm")
                .cloned(),
        )
    };
    assert_eq!(find().await?.unwrap()["threshold"], 70.5);
    let mut changed = rule.clone();
    changed["threshold"] = 71.into();
    admin
        .json(Method::PUT, "/api/alerts/rules/Warm", &changed)
        .await?
        .expect(200);
    assert_eq!(find().await?.unwrap()["threshold"].as_f64(), Some(71.0));
    gateway
        .reader()?
        .json(Method::POST, "/api/alerts/rules", &rule)
        .await?
        .expect(403);
    for (field, value) in [
        ("metric", json!("nothing")),
        ("operator", json!("=>")),
        ("level", json!("bad")),
    ] {
        let mut wrong = rule.clone();
        wrong[field] = value;
        let refused = admin
            .json(Method::POST, "/api/alerts/rules", &wrong)
            .await?;
        assert!(
            refused.status == 400 || refused.status == 422,
            "{field}: {}",
            refused.text()
        );
        assert!(refused.text().contains(field), "{}", refused.text());
    }
    admin.delete("/api/alerts/rules/Warm").await?.expect(200);
    assert_eq!(find().await?, None);
    admin.delete("/api/alerts/rules/Warm").await?.expect(404);
    Ok(())
}
