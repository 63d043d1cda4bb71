//! The main job on real input: a captured flight in, battery, temperature,
//! alerts and history out through HTTPS.

use gateway_tests::{Client, Drone, Gateway, eventually, flight};
use serde_json::Value;

/// Four times the recorded pace keeps the order and the shape of the flight.
const SPEED: f64 = 4.0;

#[tokio::test]
async fn a_captured_flight_is_seen_as_it_was() -> anyhow::Result<()> {
    let builder = Gateway::builder().drone("tello", 2).config(
        "[[alerts.rule]]\nname = \"Battery At A Third\"\nmetric = \"battery_level\"\noperator = \"<=\"\n\
         threshold = 33\nlevel = \"info\"\ntype = \"drone\"\ncooldown_minutes = 60\n\
         [[alerts.rule]]\nname = \"Warm Board\"\nmetric = \"drone_temperature\"\noperator = \">=\"\n\
         threshold = 84\nhysteresis = 4\nlevel = \"warning\"\ntype = \"drone\"\nauto_resolve = true\n",
    );
    let gateway = builder.start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let states = flight::states()?;
    drone.replay(to, &states, SPEED).await?;

    let client = gateway.reader()?;
    the_last_state_is_shown(&client, &states).await?;
    the_history_holds_the_flight(&client, &states).await?;
    its_alerts_were_raised_once(&client).await
}

/// When each arrived, and the datagram.
type States = [(f64, Vec<u8>)];

async fn the_last_state_is_shown(client: &Client, states: &States) -> anyhow::Result<()> {
    let (_, last) = states.last().expect("a flight");
    // The capture ends with the last datagram; the gateway shows exactly it.
    let status = eventually("the last state of the flight", || async {
        let status = client
            .get("/api/dashboard/drones")
            .await?
            .expect(200)
            .json()[0]
            .clone();
        Ok((status["height"] == flight::field(last, "h").max(0)).then_some(status))
    })
    .await?;
    assert_eq!(status["drone_id"], "tello");
    assert_eq!(status["connection_status"], "connected");
    assert_eq!(status["battery_level"], flight::field(last, "bat"));
    assert_eq!(
        status["temperature"].as_f64(),
        Some(flight::field(last, "temph") as f64)
    );
    assert_eq!(
        status["attitude"]["yaw"].as_f64(),
        Some(flight::field(last, "yaw") as f64)
    );
    assert_eq!(status["flight_time"], flight::field(last, "time"));
    Ok(())
}

/// Its steps are means of a second, and which of the flight's seconds share one
/// depends on the machine's pace: what holds for every such division is asked, not
/// one division's figures.
async fn the_history_holds_the_flight(client: &Client, states: &States) -> anyhow::Result<()> {
    let seen: Vec<f64> = states
        .iter()
        .map(|(_, datagram)| flight::field(datagram, "temph") as f64)
        .collect();
    let (coolest, hottest) = seen
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
    let mean = seen.iter().sum::<f64>() / seen.len() as f64;
    let history = "/api/performance/metrics?source=tello&duration_minutes=5&metric_name=";
    let summary = eventually("the history of the flight's cool end", || async {
        let temperatures = client
            .get(&format!("{history}drone_temperature"))
            .await?
            .expect(200)
            .json();
        let summary = temperatures["summary"].clone();
        Ok(summary["min"]
            .as_f64()
            .is_some_and(|min| min < mean)
            .then_some(summary))
    })
    .await?;
    let (min, max) = (summary["min"].as_f64(), summary["max"].as_f64());
    assert!(
        min.is_some_and(|min| min >= coolest),
        "{coolest} {summary:#}"
    );
    assert!(
        max.is_some_and(|max| max > mean && max <= hottest),
        "{mean} {hottest} {summary:#}"
    );
    assert!(
        summary["count"].as_u64().is_some_and(|count| count > 1),
        "{summary:#}"
    );
    let battery = client
        .get(&format!("{history}battery_level"))
        .await?
        .expect(200)
        .json();
    assert_eq!(
        (
            battery["summary"]["min"].as_f64(),
            battery["summary"]["max"].as_f64()
        ),
        (Some(33.0), Some(33.0))
    );
    Ok(())
}

async fn its_alerts_were_raised_once(client: &Client) -> anyhow::Result<()> {
    let alerts = client.get("/api/alerts").await?.expect(200).json()["alerts"].clone();
    let titled = |title: &str| -> Vec<Value> {
        alerts
            .as_array()
            .unwrap()
            .iter()
            .filter(|alert| alert["title"] == title)
            .cloned()
            .collect()
    };
    // The battery reads 33 % all through this flight: one episode, one alert.
    assert_eq!(titled("Battery At A Third").len(), 1, "{alerts:#}");
    let battery = &titled("Battery At A Third")[0];
    assert!(
        battery["message"]
            .as_str()
            .unwrap()
            .contains("battery_level"),
        "{battery:#}"
    );
    assert_eq!(
        (&battery["type"], &battery["resolved"]),
        (&"drone".into(), &false.into())
    );
    // 86 °C on the ground, 75 °C in the air: raised once, resolved by itself.
    let warm = titled("Warm Board");
    assert_eq!(warm.len(), 1, "{alerts:#}");
    assert_eq!(warm[0]["resolved"], true);
    // The default rules: 33 % is neither below 20 % nor below 10 %.
    assert!(titled("Low Battery").is_empty() && titled("Critical Battery").is_empty());
    Ok(())
}

#[tokio::test]
async fn every_datagram_is_counted() -> anyhow::Result<()> {
    // Fails when the count does not come, or is another.
    let gateway = Gateway::builder().drone("tello", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let states = flight::states()?;
    drone.replay(to, &states, SPEED).await?;
    let client = gateway.reader()?;
    let wanted = format!(
        "mfg_drone_datagrams_total{{drone=\"tello\"}} {}",
        states.len()
    );
    eventually("every datagram at /metrics", || async {
        let metrics = client.get("/metrics").await?.expect(200).text();
        Ok(metrics.contains(&wanted).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_drone_below_the_documented_thresholds_raises_the_documented_alerts() -> anyhow::Result<()>
{
    let gateway = Gateway::builder().drone("low", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    drone.send(to, &gateway_tests::drone::state(9, 60)).await?;
    let client = gateway.reader()?;
    let alerts = eventually("both battery alerts", || async {
        let alerts = client
            .get("/api/alerts?alert_type=drone")
            .await?
            .expect(200)
            .json()["alerts"]
            .clone();
        Ok((alerts.as_array().unwrap().len() >= 2).then_some(alerts))
    })
    .await?;
    let mut found: Vec<_> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            (
                alert["title"].as_str().unwrap(),
                alert["level"].as_str().unwrap(),
            )
        })
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [("Critical Battery", "critical"), ("Low Battery", "warning")]
    );
    // A second datagram of the same kind is the same episode, not a new alert.
    drone.send(to, &gateway_tests::drone::state(9, 60)).await?;
    drone.send(to, &gateway_tests::drone::state(8, 60)).await?;
    eventually("the newer battery value", || async {
        let drones = client
            .get("/api/dashboard/drones")
            .await?
            .expect(200)
            .json();
        Ok((drones[0]["battery_level"] == 8).then_some(()))
    })
    .await?;
    let again = client
        .get("/api/alerts?alert_type=drone")
        .await?
        .expect(200)
        .json();
    assert_eq!(again["total_count"], 2);
    Ok(())
}
