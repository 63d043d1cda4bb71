//! Muting an alert: what is quiet then, for how long, and what is not.

use gateway_tests::{Client, Drone, Gateway, drone, eventually};
use http::Method;
use serde_json::{Value, json};

/// A gateway whose drone d1 has a rule that raises an alert at each bad value.
async fn gateway() -> anyhow::Result<Gateway> {
    Gateway::builder()
        .drone("d1", 2)
        .config(
            "[[alerts.rule]]\nname = \"Edge\"\nmetric = \"battery_level\"\noperator = \"<\"\nthreshold = 50\n\
             level = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 0",
        )
        .start()
        .await
}

/// The newest alert of the rule, once the drone says that its battery is at `level` and
/// `wanted` holds.
async fn told(
    gateway: &Gateway,
    client: &Client,
    level: u8,
    wanted: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let peer = Drone::at(gateway.block().host(2)).await?;
    eventually("the alert", || async {
        // Sent again and again: the first may come before the socket is open.
        let to = (gateway.block().gateway(), drone::STATE_PORT).into();
        peer.send(to, &drone::state(level, 60)).await?;
        let listed = client.get("/api/alerts").await?.expect(200).json();
        let alerts = listed["alerts"].as_array().cloned().unwrap_or_default();
        let newest = alerts.into_iter().find(|alert| alert["title"] == "Edge");
        Ok(newest.filter(|alert| wanted(alert)))
    })
    .await
}

#[tokio::test]
async fn an_alert_is_muted_for_a_time_and_so_are_the_next_of_its_cause() -> anyhow::Result<()> {
    let mut gateway = gateway().await?;
    let admin = gateway.admin()?;
    let first = told(&gateway, &admin, 48, |alert| alert["resolved"] == false).await?;
    assert_eq!(first["muted_until"], Value::Null);
    let path = format!("/api/alerts/{}/mute", first["id"].as_str().unwrap());
    for (body, status) in [
        (json!({}), 422),
        (json!({"for_s": 5}), 422),
        (json!({"for_s": 90_000}), 422),
    ] {
        admin.json(Method::POST, &path, &body).await?.expect(status);
    }
    let for_an_hour = json!({"for_s": 3600});
    gateway
        .reader()?
        .json(Method::POST, &path, &for_an_hour)
        .await?
        .expect(403);
    admin
        .json(Method::POST, "/api/alerts/none/mute", &for_an_hour)
        .await?
        .expect(404);
    let muted = admin
        .json(Method::POST, &path, &for_an_hour)
        .await?
        .expect(200)
        .json();
    let is_muted = |alert: &Value| alert["muted_until"].is_string();
    let shown = told(&gateway, &admin, 48, is_muted).await?;
    assert_eq!(
        (&shown["muted_by"], &shown["id"]),
        (&muted["muted_by"], &first["id"])
    );

    // It ends, and begins again: another alert, and still quiet; worse it is not.
    told(&gateway, &admin, 80, |alert| alert["resolved"] == true).await?;
    let is_next = |alert: &Value| alert["id"] != first["id"];
    let next = told(&gateway, &admin, 47, is_next).await?;
    assert!(is_muted(&next), "{next}");
    gateway.restart().await?;
    let kept = told(&gateway, &admin, 47, |_| true).await?;
    assert!(is_muted(&kept), "{kept}");
    told(&gateway, &admin, 80, |alert| alert["resolved"] == true).await?;
    let worse = told(&gateway, &admin, 20, |alert| alert["resolved"] == false).await?;
    assert!(!is_muted(&worse), "{worse}");

    admin.delete(&path).await?.expect(200);
    let loud = told(&gateway, &admin, 20, |_| true).await?;
    assert!(!is_muted(&loud));
    admin.delete(&path).await?.expect(200);
    Ok(())
}
