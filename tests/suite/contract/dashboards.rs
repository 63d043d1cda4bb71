//! Dashboards and statistics have every documented field.

use super::*;

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
    Ok(())
}

#[tokio::test]
async fn dashboards_of_the_machine_and_of_alerts_have_every_field() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let reader = gateway.reader()?;
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
