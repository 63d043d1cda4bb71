//! The checklist of the API contract: documented examples, negative checks and
//! the shapes of every answer.

use gateway_tests::{Gateway, eventually};
use http::Method;
use serde_json::{Value, json};

/// Fails with the path of the first key that is absent.
fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        let mut at = value;
        for part in key.split('.') {
            at = at
                .get(part)
                .unwrap_or_else(|| panic!("{key} is absent in {value:#}"));
        }
    }
}

fn is_timestamp(value: &Value) {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("no time stamp: {value}"));
    assert!(
        text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T',
        "{text}"
    );
}

#[tokio::test]
async fn the_documented_examples_work() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let (anonymous, admin, reader) = (gateway.anonymous()?, gateway.admin()?, gateway.reader()?);

    let root = anonymous.get("/").await?.expect(200).json();
    assert_eq!(root["message"], "MFG Drone Backend API Server");
    assert_eq!(
        (&root["version"], &root["status"]),
        (&"1.0.0".into(), &"running".into())
    );
    assert_eq!(
        root["features"],
        json!([
            "drones",
            "vision",
            "models",
            "dashboard",
            "alerts",
            "performance"
        ])
    );

    let health = anonymous.get("/health").await?.expect(200).json();
    assert_eq!(health["status"], "healthy");
    has(
        &health,
        &[
            "services.drone_manager",
            "services.alert_service",
            "services.performance_service",
        ],
    );
    has(
        &health,
        &["services.monitoring_active", "phase", "security_enabled"],
    );
    is_timestamp(&health["timestamp"]);

    let system = admin.get("/api/dashboard/system").await?.expect(200).json();
    has(
        &system,
        &[
            "cpu_usage",
            "memory_usage",
            "disk_usage",
            "temperature",
            "connected_drones",
            "active_tracking",
        ],
    );
    has(
        &system,
        &[
            "running_training_jobs",
            "uptime",
            "last_updated",
            "active_alerts",
            "status",
            "timestamp",
        ],
    );

    let detailed = reader.get("/api/health/detailed").await?.expect(200).json();
    has(
        &detailed,
        &[
            "health_status",
            "health_score",
            "system_performance.cpu.usage_percent",
        ],
    );
    has(
        &detailed,
        &[
            "alert_summary.total_alerts",
            "cache_statistics.total_entries",
            "monitoring_active",
        ],
    );

    for path in [
        "/api/alerts",
        "/api/alerts?level=critical&limit=10",
        "/api/alerts?unresolved_only=true",
    ] {
        has(
            &reader.get(path).await?.expect(200).json(),
            &["alerts", "total_count"],
        );
    }
    let summary = reader.get("/api/alerts/summary").await?.expect(200).json();
    has(
        &summary,
        &[
            "total_alerts",
            "recent_alerts_24h",
            "unresolved_alerts",
            "critical_alerts_24h",
        ],
    );
    has(
        &summary,
        &[
            "alerts_by_level",
            "alerts_by_type",
            "monitoring_active",
            "alert_rules_count",
            "last_updated",
        ],
    );

    let performance = reader
        .get("/api/performance/summary")
        .await?
        .expect(200)
        .json();
    has(
        &performance,
        &[
            "system.cpu.count",
            "system.memory.process_memory_mb",
            "system.disk.free_gb",
        ],
    );
    has(
        &performance,
        &[
            "system.network.bytes_sent_mb",
            "system.uptime_seconds",
            "application.total_requests",
        ],
    );
    has(
        &performance,
        &[
            "application.error_rate_percent",
            "cache.hit_rate_percent",
            "cache.total_misses",
        ],
    );
    has(&performance, &["api_endpoints", "api_metrics", "timestamp"]);
    has(
        &reader.get("/api/performance/api").await?.expect(200).json(),
        &["call_count", "success_rate"],
    );
    has(
        &reader
            .get("/api/performance/cache/stats")
            .await?
            .expect(200)
            .json(),
        &["total_entries", "total_size_mb"],
    );
    has(
        &admin
            .post("/api/performance/optimize")
            .await?
            .expect(200)
            .json(),
        &["optimizations_performed", "timestamp"],
    );
    assert_eq!(
        admin
            .delete("/api/performance/cache")
            .await?
            .expect(200)
            .json()["success"],
        true
    );
    Ok(())
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let before = admin
        .get("/api/security/api-keys")
        .await?
        .expect(200)
        .json();
    assert_eq!(before["total_count"], 2);
    assert!(
        before["api_keys"]
            .as_object()
            .unwrap()
            .keys()
            .all(|preview| preview.len() <= 11)
    );

    let made = admin
        .post("/api/security/api-keys?name=NewKey&permissions=read,write&expires_days=30")
        .await?;
    let made = made.expect(200).json();
    let key = made["api_key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("mfg-drone-") && key.len() == 53, "{key}");
    assert_eq!(made["permissions"], json!(["read", "write"]));
    assert_eq!(made["expires_days"], 30);
    gateway
        .anonymous()?
        .with_key(&key)
        .get("/api/system/health")
        .await?
        .expect(200);

    admin
        .delete(&format!("/api/security/api-keys/{key}"))
        .await?
        .expect(200);
    let refused = gateway
        .anonymous()?
        .with_key(&key)
        .get("/api/system/health")
        .await?
        .expect(401)
        .json();
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("Invalid or expired API key")
    );
    admin
        .delete(&format!("/api/security/api-keys/{key}"))
        .await?
        .expect(404);
    Ok(())
}

#[tokio::test]
async fn alerts_are_acknowledged_and_resolved() -> anyhow::Result<()> {
    // Any memory use over 0.1 % fires at the first sample.
    let gateway = Gateway::builder()
        .config(
            "[[alerts.rule]]\nname = \"Any Memory\"\nmetric = \"memory_usage\"\noperator = \">=\"\nthreshold = 0.1\nlevel = \"error\"\n",
        )
        .start()
        .await?;
    let reader = gateway.reader()?;
    let alert = eventually("the alert", || async {
        let alerts = reader
            .get("/api/alerts?level=error")
            .await?
            .expect(200)
            .json();
        Ok(alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|alert| alert["title"] == "Any Memory")
            .cloned())
    })
    .await?;
    has(
        &alert,
        &[
            "id",
            "level",
            "type",
            "message",
            "details",
            "source",
            "timestamp",
            "acknowledged",
            "resolved",
        ],
    );
    assert_eq!(
        (&alert["source"], &alert["severity"]),
        (&"system_monitor".into(), &"danger".into())
    );
    assert_eq!(alert["created_at"], alert["timestamp"]);
    is_timestamp(&alert["timestamp"]);
    let id = alert["id"].as_str().unwrap();
    assert!(
        id.starts_with("alert_") && alert["message"].as_str().unwrap().contains("memory_usage")
    );

    let find = || async {
        let alerts = reader.get("/api/alerts?limit=0").await?.expect(200).json();
        let found = alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|alert| alert["id"] == id)
            .cloned();
        anyhow::Ok(found.unwrap())
    };
    // A deviation: `dashboard` looks, `respond` answers (and `write` contains it).
    let admin = gateway.admin()?;
    for what in ["acknowledge", "resolve"] {
        let path = format!("/api/alerts/{id}/{what}");
        reader.post(&path).await?.expect(403);
    }
    assert_eq!(find().await?["acknowledged"], false);
    for _ in 0..2 {
        let done = admin
            .post(&format!("/api/alerts/{id}/acknowledge"))
            .await?
            .expect(200)
            .json();
        assert_eq!(done["success"], true);
        let seen = find().await?;
        assert_eq!(
            (&seen["acknowledged"], &seen["resolved"]),
            (&true.into(), &false.into())
        );
    }
    for _ in 0..2 {
        admin
            .post(&format!("/api/alerts/{id}/resolve"))
            .await?
            .expect(200);
        assert_eq!(find().await?["resolved"], true);
    }
    Ok(())
}

#[tokio::test]
async fn rules_are_listed_in_the_documented_order() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let rules = gateway
        .reader()?
        .get("/api/alerts/rules")
        .await?
        .expect(200)
        .json();
    let wanted = [
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
    let listed = rules["rules"].as_array().unwrap();
    let names: Vec<&str> = listed
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    // After the documented ten come those of the drone's own boards, then other rooms'.
    let documented = wanted.map(|(name, ..)| name);
    let drones = ["High Drone Temperature", "Critical Drone Temperature"];
    assert!(
        names.starts_with(&[&documented[..], &drones[..]].concat()),
        "{names:?}"
    );
    for (rule, (name, metric, operator, threshold, level, kind)) in listed.iter().zip(wanted) {
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
async fn dashboards_have_every_field() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let reader = gateway.reader()?;
    let drones = reader
        .get("/api/dashboard/drones")
        .await?
        .expect(200)
        .json();
    has(
        &drones[0],
        &[
            "drone_id",
            "connection_status",
            "flight_status",
            "battery_level",
            "flight_time",
            "height",
        ],
    );
    has(
        &drones[0],
        &[
            "temperature",
            "speed",
            "wifi_signal",
            "attitude",
            "last_updated",
            "id",
            "name",
            "status",
        ],
    );
    has(&drones[0], &["batteryLevel", "position", "lastSeen"]);
    assert_eq!(drones[0]["connection_status"], "disconnected");

    let history = reader
        .get("/api/dashboard/metrics/history?duration=5")
        .await?
        .expect(200)
        .json();
    has(
        &history,
        &["timestamps", "cpu_usage", "memory_usage", "generated_at"],
    );
    assert_eq!(history["duration_minutes"], 5);
    let health = reader
        .get("/api/dashboard/health")
        .await?
        .expect(200)
        .json();
    has(
        &health,
        &[
            "overall_status",
            "unhealthy_services",
            "checked_at",
            "services.drone_manager.status",
        ],
    );
    has(
        &health,
        &[
            "services.vision_service.available_models",
            "services.model_service.active_jobs",
        ],
    );
    has(
        &health,
        &[
            "services.model_service.total_models",
            "services.dataset_service.total_datasets",
        ],
    );
    let performance = reader
        .get("/api/dashboard/performance")
        .await?
        .expect(200)
        .json();
    has(
        &performance,
        &[
            "cpu.count",
            "cpu.frequency_mhz",
            "cpu.usage_per_core",
            "memory.total_gb",
            "swap.usage_percent",
        ],
    );
    has(
        &performance,
        &[
            "disk.read_mb",
            "disk.write_mb",
            "network.packets_recv",
            "processes.count",
            "uptime_seconds",
        ],
    );
    assert!(performance["processes"]["count"].as_u64().unwrap() > 0);
    let overview = reader
        .get("/api/dashboard/overview")
        .await?
        .expect(200)
        .json();
    has(
        &overview,
        &[
            "system.cpu_usage",
            "system.uptime_seconds",
            "drones.connected_count",
            "drones.tracking_active",
        ],
    );
    has(
        &overview,
        &[
            "models.total_count",
            "models.available_detection_models",
            "models.active_training_jobs",
        ],
    );
    has(&overview, &["datasets.total_count", "last_updated"]);
    let alerts = reader
        .get("/api/dashboard/alerts?page=1&severity=x")
        .await?
        .expect(200)
        .json();
    has(&alerts, &["alerts", "total_count"]);
    let disconnected = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|alert| alert["type"] == "drones");
    assert_eq!(disconnected.unwrap()["level"], "info");

    let health = reader.get("/api/system/health").await?.expect(200).json();
    has(&health, &["status", "timestamp", "services"]);
    let status = reader.get("/api/system/status").await?.expect(200).json();
    has(&status, &["status", "timestamp", "services", "drones"]);
    assert_eq!(status["drones"][0]["id"], "d1");
    Ok(())
}

#[tokio::test]
async fn performance_metrics_can_be_read_by_name() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let reader = gateway.reader()?;
    let all = reader
        .get("/api/performance/metrics")
        .await?
        .expect(200)
        .json();
    has(&all, &["metrics", "total_count"]);
    let named = eventually("a sample", || async {
        let named = reader
            .get("/api/performance/metrics?metric_name=cpu_usage&duration_minutes=5")
            .await?;
        let named = named.expect(200).json();
        Ok((named["summary"]["count"].as_u64() > Some(0)).then_some(named))
    })
    .await?;
    has(
        &named,
        &[
            "summary.min",
            "summary.max",
            "summary.avg",
            "summary.latest",
            "summary.metric_name",
        ],
    );
    has(
        &named["metrics"][0],
        &["name", "value", "timestamp", "datetime", "metadata"],
    );
    let unknown = reader
        .get("/api/performance/metrics?metric_name=nothing")
        .await?
        .expect(200)
        .json();
    assert_eq!(
        (&unknown["metrics"], &unknown["summary"]["count"]),
        (&json!([]), &0.into())
    );

    reader.get("/api/alerts").await?.expect(200);
    let one = reader
        .get("/api/performance/api?endpoint=/api/alerts")
        .await?
        .expect(200)
        .json();
    assert!(
        one["call_count"].as_u64().unwrap() >= 1 && one["avg_duration_ms"].as_f64().unwrap() > 0.0,
        "{one:#}"
    );
    has(
        &one,
        &[
            "p50_ms",
            "p95_ms",
            "p99_ms",
            "min_duration_ms",
            "max_duration_ms",
            "total_errors",
        ],
    );
    let none = reader
        .get("/api/performance/api?endpoint=/nowhere")
        .await?
        .expect(200)
        .json();
    assert_eq!(none, json!({"call_count": 0}));
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

#[tokio::test]
async fn security_config_tells_the_truth() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("rate_limit_enabled = false\nmax_failed_attempts = 7")
        .start()
        .await?;
    let config = gateway
        .admin()?
        .get("/api/security/config")
        .await?
        .expect(200)
        .json();
    assert_eq!(config["rate_limiting_enabled"], false);
    assert_eq!(config["max_failed_attempts"], 7);
    assert_eq!(config["failed_attempt_window_hours"], 1);
    for _ in 0..150 {
        gateway.anonymous()?.get("/").await?.expect(200);
    }
    Ok(())
}

#[tokio::test]
async fn the_description_lists_every_route_of_the_contract() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let description = gateway
        .anonymous()?
        .get("/openapi.json")
        .await?
        .expect(200)
        .json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    for (method, path) in [
        ("get", "/"),
        ("get", "/health"),
        ("get", "/api/security/api-keys"),
        ("post", "/api/security/api-keys"),
        ("delete", "/api/security/api-keys/{api_key}"),
        ("get", "/api/security/config"),
        ("get", "/api/alerts"),
        ("post", "/api/alerts/{alert_id}/acknowledge"),
        ("post", "/api/alerts/{alert_id}/resolve"),
        ("get", "/api/alerts/summary"),
        ("get", "/api/alerts/rules"),
        ("get", "/api/performance/summary"),
        ("get", "/api/performance/metrics"),
        ("get", "/api/performance/api"),
        ("post", "/api/performance/optimize"),
        ("get", "/api/performance/cache/stats"),
        ("delete", "/api/performance/cache"),
        ("get", "/api/health/detailed"),
        ("get", "/api/dashboard/system"),
        ("get", "/api/dashboard/drones"),
        ("get", "/api/dashboard/metrics/history"),
        ("get", "/api/dashboard/health"),
        ("get", "/api/dashboard/performance"),
        ("get", "/api/dashboard/overview"),
        ("get", "/api/dashboard/alerts"),
        ("get", "/api/system/health"),
        ("get", "/api/system/status"),
    ] {
        assert!(
            description["paths"][path][method].is_object(),
            "{method} {path} is not described"
        );
    }
    let docs = gateway.anonymous()?.get("/docs").await?.expect(200);
    assert_eq!(docs.header("content-security-policy"), "default-src 'self'");
    assert!(
        !docs.text().contains("//cdn") && !docs.text().contains("https://"),
        "needs the network"
    );
    Ok(())
}
