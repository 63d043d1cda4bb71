//! The documented examples, and the routes that the document must list.

use super::*;

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
    Ok(())
}

#[tokio::test]
async fn the_documented_examples_of_alerts_work() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let reader = gateway.reader()?;
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
    Ok(())
}

#[tokio::test]
async fn the_documented_examples_of_performance_work() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let (admin, reader) = (gateway.admin()?, gateway.reader()?);
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
