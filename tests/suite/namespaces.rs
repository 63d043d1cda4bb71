//! Drones that are their own access points: all at 192.168.10.1, told apart by
//! the interface. Each lives in a network namespace, as the gateway does.

use anyhow::Context as _;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::namespaces::{DRONE, Site};
use gateway_tests::{Client, Gateway, Simulated, eventually, gateway};
use serde_json::Value;

const BATTERIES: [u8; 2] = [90, 40];

async fn simulated(site: &Site, drone: u8) -> anyhow::Result<Simulated> {
    let command = site.command(&format!("d{drone}"), gateway::binary());
    let battery = BATTERIES[usize::from(drone) - 1].to_string();
    let arguments = [
        "--drones",
        "1",
        "--address",
        &DRONE.to_string(),
        "--battery",
        &battery,
    ];
    Simulated::start_by(command, &arguments).await
}

async fn started(site: &Site, more: &str) -> anyhow::Result<(Gateway, Client)> {
    let mut lines = more.to_owned();
    for drone in 1..=2 {
        lines.push_str(&format!(
            "\n[[drones.drone]]\nid = \"d{drone}\"\nmode = \"real\"\naddress = \"{DRONE}\"\ninterface = \"wlan{drone}\""
        ));
    }
    let gateway = site.builder()?.drones(&lines).start().await?;
    let client = site.client(&gateway, ADMIN_KEY)?;
    Ok((gateway, client))
}

async fn status(client: &Client, drone: u8) -> anyhow::Result<Value> {
    Ok(client
        .get(&format!("/api/drones/d{drone}/status"))
        .await?
        .expect(200)
        .json())
}

async fn until(client: &Client, drone: u8, wanted: &'static str) -> anyhow::Result<Value> {
    eventually(wanted, || async {
        let status = status(client, drone).await?;
        Ok((status["connection_status"] == wanted).then_some(status))
    })
    .await
}

/// Whether the battery is that drone's own: it falls by a few points only.
fn is_own(status: &Value, drone: u8) -> bool {
    let full = i64::from(BATTERIES[usize::from(drone) - 1]);
    status["battery_level"]
        .as_i64()
        .is_some_and(|battery| (full - 25..=full).contains(&battery))
}

#[tokio::test]
async fn two_drones_of_one_address_are_two_drones() -> anyhow::Result<()> {
    // Network namespaces need root; `Site::new` says so where there are none.
    let Some(mut site) = Site::new("two drones of one address")? else {
        return Ok(());
    };
    for drone in 1..=2 {
        site.access_point(drone)?;
        site.plug(drone)?;
    }
    let (first, second) = (simulated(&site, 1).await?, simulated(&site, 2).await?);
    let (_gateway, client) = started(&site, "lost_after_s = 1.0").await?;
    for drone in 1..=2 {
        let status = until(&client, drone, "connected").await?;
        assert!(is_own(&status, drone), "{status}");
    }

    commands_go_to_their_drone(&client, &first, &second).await?;

    // One adapter is pulled out in flight: its drone is lost, and the loss says
    // where; the other goes on.
    site.unplug(1)?;
    until(&client, 1, "error").await?;
    the_loss_names_its_interface(&client).await?;
    assert!(is_own(&until(&client, 2, "connected").await?, 2));
    client
        .post("/api/drones/d2/takeoff?wait=true")
        .await?
        .expect(200);
    assert_eq!((first.count("takeoff"), second.count("takeoff")), (1, 2));

    // It comes back as another interface of the same name.
    site.plug(1)?;
    assert!(is_own(&until(&client, 1, "connected").await?, 1));
    eventually("the alerts end", || async {
        let alerts = client
            .get("/api/alerts?unresolved_only=true")
            .await?
            .expect(200)
            .json();
        Ok((!alerts.to_string().contains("wlan1")).then_some(()))
    })
    .await?;
    client.post("/api/drones/d1/emergency").await?.expect(200);
    eventually("the right motors stop", || async {
        Ok((first.count("emergency") > 0).then_some(()))
    })
    .await?;
    assert_eq!(second.count("emergency"), 0);
    Ok(())
}

/// A command goes to its drone, and to no other.
async fn commands_go_to_their_drone(
    client: &Client,
    first: &Simulated,
    second: &Simulated,
) -> anyhow::Result<()> {
    client
        .post("/api/drones/d2/takeoff?wait=true")
        .await?
        .expect(200);
    assert_eq!(
        (second.obeyed(), first.obeyed()),
        (vec!["takeoff".to_owned()], vec![])
    );
    assert_eq!(status(client, 1).await?["flight_status"], "landed");
    client
        .post("/api/drones/d1/takeoff?wait=true")
        .await?
        .expect(200);
    client
        .post("/api/drones/d2/land?wait=true")
        .await?
        .expect(200);
    assert_eq!(
        (
            first.count("takeoff"),
            first.count("land"),
            second.count("land")
        ),
        (1, 0, 1)
    );
    Ok(())
}

async fn the_loss_names_its_interface(client: &Client) -> anyhow::Result<()> {
    let alert = eventually("the alert names the interface", || async {
        let alerts = client
            .get("/api/alerts?unresolved_only=true")
            .await?
            .expect(200)
            .json();
        let found = alerts["alerts"]
            .as_array()
            .context("a list")?
            .iter()
            .find(|alert| {
                alert["message"]
                    .as_str()
                    .is_some_and(|message| message.contains("wlan1"))
            });
        Ok(found.cloned())
    })
    .await?;
    assert!(
        ["critical", "error"].contains(&alert["level"].as_str().unwrap_or_default()),
        "{alert}"
    );
    Ok(())
}

/// Waits for a whole picture of that drone.
async fn streams(client: &Client, drone: u8) -> anyhow::Result<()> {
    eventually("a whole picture", || async {
        let answer = client
            .get(&format!("/api/drones/d{drone}/camera/frame"))
            .await?;
        Ok((answer.status == http::StatusCode::OK).then_some(()))
    })
    .await
}

/// Datagrams of video that came from that drone.
async fn video_datagrams(client: &Client, drone: u8) -> anyhow::Result<f64> {
    let page = client.get("/metrics").await?.expect(200).text();
    let name = format!("mfg_drone_video_datagrams_total{{drone=\"d{drone}\"}} ");
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok());
    value.with_context(|| format!("{name} is not there"))
}

#[tokio::test]
async fn the_video_of_one_is_not_the_other_s() -> anyhow::Result<()> {
    // Network namespaces need root; `Site::new` says so where there are none.
    let Some(mut site) = Site::new("video of two drones of one address")? else {
        return Ok(());
    };
    for drone in 1..=2 {
        site.access_point(drone)?;
        site.plug(drone)?;
    }
    let (_first, _second) = (simulated(&site, 1).await?, simulated(&site, 2).await?);
    let (_gateway, client) = started(&site, "").await?;
    for drone in 1..=2 {
        until(&client, drone, "connected").await?;
    }
    let datagrams = |drone| video_datagrams(&client, drone);
    // Only the second streams: its pictures come, and none of them to the first.
    client
        .post("/api/drones/d2/camera/stream/start")
        .await?
        .expect(200);
    streams(&client, 2).await?;
    client.get("/api/drones/d1/camera/frame").await?.expect(409);
    assert_eq!(datagrams(1).await?, 0.0);
    // Then the first alone.
    client
        .post("/api/drones/d1/camera/stream/start")
        .await?
        .expect(200);
    streams(&client, 1).await?;
    client
        .post("/api/drones/d2/camera/stream/stop")
        .await?
        .expect(200);
    // An answer waits for the drone's a moment only: with much to do it comes before.
    eventually("it is known to have stopped", || async {
        let answer = client.get("/api/drones/d2/camera/frame").await?;
        Ok((answer.status == http::StatusCode::CONFLICT).then_some(()))
    })
    .await?;
    // What was on its way when it was stopped still comes; then, while the first sends a
    // second's worth, nothing.
    eventually("the second is silent beside the first", || async {
        let (before, seen) = (datagrams(2).await?, datagrams(1).await?);
        eventually("more from the first", || async {
            Ok((datagrams(1).await? > seen + 30.0).then_some(()))
        })
        .await?;
        Ok((datagrams(2).await? == before).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_drone_that_vanishes_and_returns_is_asked_again() -> anyhow::Result<()> {
    // Network namespaces need root; `Site::new` says so where there are none.
    let Some(mut site) = Site::new("a drone that vanishes")? else {
        return Ok(());
    };
    for drone in 1..=2 {
        site.access_point(drone)?;
        site.plug(drone)?;
    }
    let (first, _second) = (simulated(&site, 1).await?, simulated(&site, 2).await?);
    let (_gateway, client) = started(&site, "lost_after_s = 1.0").await?;
    for drone in 1..=2 {
        until(&client, drone, "connected").await?;
    }
    first.stop().await?;
    until(&client, 1, "error").await?;
    assert!(is_own(&until(&client, 2, "connected").await?, 2));
    let mut again = simulated(&site, 1).await?;
    assert!(is_own(&until(&client, 1, "connected").await?, 1));
    // A drone that hangs is lost as one that is gone, and found when it wakes.
    again.order("freeze 1").await?;
    until(&client, 1, "error").await?;
    again.order("thaw 1").await?;
    until(&client, 1, "connected").await?;
    // One that restarts is out of SDK mode: it is asked into it again.
    again.order("reboot 1").await?;
    until(&client, 1, "error").await?;
    until(&client, 1, "connected").await?;
    client
        .post("/api/drones/d1/takeoff?wait=true")
        .await?
        .expect(200);
    assert_eq!(again.obeyed(), ["takeoff"]);
    Ok(())
}
