//! Further lies of a microcontroller: one that calls its sensor otherwise at each start, one
//! whose stop bounces, and one that measures what cannot be. Beside `bridge_liar`, whose
//! board tells them.

use gateway_tests::eventually;
use serde_json::Value;

use crate::bridge::metric;
use crate::bridge_liar::{Liar, honest, with};
use crate::bridge_line::{alert, bridge, is_over, sensor, stands};

/// Each name would be a source for ever; a source is what an emergency stop needs.
#[tokio::test]
async fn a_board_that_renames_its_sensor_at_each_start_takes_no_places_from_a_stop()
-> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(&port, honest());
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    sensor(&admin, "probe", |sensor| sensor["state"] == "fresh").await?;
    // More than a bridge may have.
    for number in 0..20_u32 {
        let name: &'static str = format!("probe{number}").leak();
        liar.now(|ways| (ways.name, ways.boot) = (name, number + 2));
        sensor(&admin, name, |sensor| sensor["state"] == "fresh").await?;
    }
    liar.now(|ways| ways.stop = Some(true));
    let stop = alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    assert_eq!(stop["level"], "critical", "{stop}");
    // Its last name is judged as any other.
    liar.now(|ways| ways.value = f32::INFINITY);
    let lost = alert(&admin, "Bridge Sensor Lost", "bridge/mast/probe19", stands).await?;
    let text = lost["message"].as_str().unwrap();
    assert!(
        text.contains("inf") && text.contains("-40 to 125"),
        "{text}"
    );
    Ok(())
}

/// A contact that opens and closes: every close acts, and nobody is told a hundred times.
#[tokio::test]
async fn a_stop_that_bounces_is_one_alert_and_few_lines() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(&port, honest());
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    sensor(&admin, "probe", |sensor| sensor["state"] == "fresh").await?;
    let before = metric(&admin, "bridge_frames_total").await?;
    eventually("three hundred frames of it", || async {
        // It is asked for in between: each wait is another state.
        liar.now(|ways| ways.stop = ways.stop.map(|stop| !stop));
        let frames = metric(&admin, "bridge_frames_total").await?;
        Ok((frames >= before + 300.0).then_some(()))
    })
    .await?;
    liar.now(|ways| ways.stop = Some(true));
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    let alerts = admin.get("/api/alerts?limit=0").await?.expect(200).json();
    let of_stop = |alert: &&Value| alert["title"] == "Emergency Stop";
    let told = alerts["alerts"].as_array().unwrap().iter().filter(of_stop);
    assert!(told.count() <= 3, "{alerts}");
    let lines = gateway.output().matches("bridge=mast").count()
        + gateway.output().matches("\"bridge\":\"mast\"").count();
    assert!(lines <= 61, "{lines} lines");
    liar.now(|ways| ways.stop = Some(false));
    alert(&admin, "Emergency Stop", "bridge/mast", is_over).await?;
    Ok(())
}

/// Another board behind the same cable, and one that is flashed while it runs: what was
/// known of a name is of what it measured then.
#[tokio::test]
async fn a_board_that_changes_who_it_is_is_believed_in_nothing_old() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(&port, honest());
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    sensor(&admin, "probe", |sensor| sensor["value"] == 20.0).await?;
    liar.now(|ways| ways.stop = Some(true));
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    // It calls its sensor otherwise, without a start: no value of it is the old one's.
    liar.now(|ways| (ways.name, ways.value, ways.describes) = ("hull", 30.0, true));
    let hull = sensor(&admin, "hull", |sensor| sensor["state"] == "fresh").await?;
    assert_eq!(hull["value"], 30.0);
    let known = bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
    let names = known["sensors"].as_array().unwrap();
    assert!(
        names.iter().all(|sensor| sensor["name"] == "hull"),
        "{known}"
    );
    // The same name measures something else: 30 °C are not 30 V.
    liar.now(|ways| (ways.kind, ways.value, ways.describes) = ([0, 1], 11.0, true));
    let volts = sensor(&admin, "hull", |sensor| sensor["unit"] == "V").await?;
    assert!(
        volts["value"] == 11.0 || volts["value"] == Value::Null,
        "{volts}"
    );
    // It calls itself otherwise again and again, which is a start each time.
    let before = metric(&admin, "bridge_restarts_total").await?;
    eventually("five starts", || async {
        liar.now(|ways| (ways.serial, ways.boot) = (ways.serial + 1, ways.boot + 1));
        let starts = metric(&admin, "bridge_restarts_total").await?;
        Ok((starts >= before + 5.0).then_some(()))
    })
    .await?;
    alert(&admin, "Bridge Restarts", "bridge/mast", stands).await?;
    // All the while nobody said that the stop is released.
    let stop = alert(&admin, "Emergency Stop", "bridge/mast", |_| true).await?;
    assert_eq!(stop["resolved"], false, "{stop}");
    liar.now(|ways| ways.stop = Some(false));
    alert(&admin, "Emergency Stop", "bridge/mast", is_over).await?;
    Ok(())
}
