//! Alerts: acknowledged and resolved.

use super::*;

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
