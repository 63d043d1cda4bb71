//! Recordings on a medium of their own that fills in mid-flight: it costs the recording, not
//! the flight and not a record before; it is told, and heals by itself.

use gateway_tests::drone::Shown;
use gateway_tests::{Client, Drone, Gateway, eventually};
use serde_json::Value;

use crate::durable::Medium;

const TITLE: &str = "Flights Not Recorded";

/// More than recordings leave free on a medium.
const MEDIUM_BYTES: u64 = 160 << 20;

async fn recordings(client: &Client) -> anyhow::Result<Vec<Value>> {
    let list = client.get("/api/recordings").await?.expect(200).json();
    Ok(list["recordings"].as_array().cloned().unwrap_or_default())
}

/// A recording under way of at least so many seconds, which is none of `others`.
async fn under_way(client: &Client, others: &[String]) -> anyhow::Result<String> {
    eventually(
        &format!("a flight is being recorded, another than {others:?}"),
        || async {
            let all = recordings(client).await?;
            let new = all.into_iter().find(|one| {
                let id = one["id"].as_str().unwrap_or_default();
                one["recording"] == true
                    && one["duration_s"].as_f64() > Some(2.0)
                    && !others.iter().any(|other| other == id)
            });
            Ok(new.and_then(|one| one["id"].as_str().map(str::to_owned)))
        },
    )
    .await
}

async fn is_told(client: &Client) -> anyhow::Result<bool> {
    let path = "/api/alerts?unresolved_only=true";
    let alerts = client.get(path).await?.expect(200).json();
    let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
    Ok(alerts.iter().any(|alert| alert["title"] == TITLE))
}

#[tokio::test]
async fn a_medium_that_fills_costs_the_recording_and_neither_the_flight_nor_what_was_before()
-> anyhow::Result<()> {
    // Mounting needs root and loop devices; `mount` says so where it cannot.
    let Some(medium) = Medium::mount_of(MEDIUM_BYTES) else {
        return Ok(());
    };
    let dir = medium.path().join("recordings");
    let mut gateway = Gateway::builder()
        .config(&format!("[recording]\ndir = {dir:?}\nvideo = \"off\""))
        .drone("d1", 2)
        .start()
        .await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let flying = Shown {
        motors_run: true,
        height_cm: 80,
        battery_pct: 70,
    };
    let _streaming = peer.stream(to, flying);
    let client = gateway.admin()?;
    let first = under_way(&client, &[]).await?;

    medium.fill();
    eventually("it is told", || async {
        Ok(is_told(&client).await?.then_some(()))
    })
    .await?;
    let status = client
        .get("/api/drones/d1/status")
        .await?
        .expect(200)
        .json();
    assert_eq!(status["connection_status"], "connected", "{status}");
    assert_eq!(status["flight_status"], "flying", "{status}");
    let (answer, told) = tokio::join!(client.post("/api/drones/d1/stop"), peer.obey("stop"));
    answer?.expect(200);
    told?;
    let page = client.get("/metrics").await?.expect(200).text();
    assert!(
        page.contains("\nmfg_drone_recording_refused_total"),
        "{page}"
    );

    medium.free();
    let second = under_way(&client, std::slice::from_ref(&first)).await?;
    eventually("it is told no more", || async {
        Ok((!is_told(&client).await?).then_some(()))
    })
    .await?;
    are_whole(&mut gateway, &client, [&first, &second]).await
}

/// Both have ended, and are as they were recorded.
async fn are_whole(
    gateway: &mut Gateway,
    client: &Client,
    ids: [&String; 2],
) -> anyhow::Result<()> {
    // What a full medium could not end is ended at a start.
    anyhow::ensure!(gateway.stop().await?.success());
    gateway.restart().await?;
    for id in ids {
        let one = eventually("it has ended", || async {
            let answer = client.get(&format!("/api/recordings/{id}")).await?;
            Ok((answer.status == 200)
                .then(|| answer.json())
                .filter(|one| !one["ended"].is_null()))
        })
        .await?;
        assert!(one["duration_s"].as_f64() > Some(1.0), "{one}");
        let verified = gateway
            .command(&["recordings", "verify", id])
            .output()
            .await?;
        assert!(verified.status.success(), "{id}: {verified:?}");
    }
    Ok(())
}
