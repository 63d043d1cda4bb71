//! Flights kept: recorded, listed, downloaded, verified, pinned, removed; and what a power
//! cut leaves of one.

use gateway_tests::drone::Shown;
use gateway_tests::{Client, Drone, Gateway, GatewayBuilder, eventually, spare_port};
use serde_json::Value;

/// A rule that fires in every flight.
const RULE: &str = "[[alerts.rule]]\nname = \"In Flight\"\nmetric = \"height\"\noperator = \">=\"\nthreshold = 50\n\
                    level = \"info\"\ntype = \"drone\"\nhysteresis = 20\nauto_resolve = true\n";

fn simulated() -> GatewayBuilder {
    let (port, video) = (spare_port(), spare_port());
    let drones = format!(
        "connect_at_start = false\ncommand_port = {port}\nvideo_port = {video}\nconnect_timeout_s = 5.0\n\
         [[drones.drone]]\nid = \"d1\"\nname = \"Mast\"\nmode = \"simulation\""
    );
    Gateway::builder().config(RULE).drones(&drones)
}

/// The only recording, once it has ended.
async fn ended(client: &Client) -> anyhow::Result<Value> {
    eventually("a recording that has ended", || async {
        let list = client.get("/api/recordings").await?.expect(200).json();
        let recording = list["recordings"][0].clone();
        Ok((!recording["ended"].is_null()).then_some(recording))
    })
    .await
}

/// A flight up and down.
async fn fly(client: &Client) -> anyhow::Result<()> {
    client.post("/api/drones/d1/connect").await?.expect(200);
    client
        .post("/api/drones/d1/takeoff?wait=true")
        .await?
        .expect(200);
    client
        .post("/api/drones/d1/land?wait=true")
        .await?
        .expect(200);
    Ok(())
}

/// The lines of a recording as JSON.
async fn lines(client: &Client, id: &str) -> anyhow::Result<Vec<Value>> {
    let path = format!("/api/recordings/{id}/download?format=jsonl");
    let text = client.get(&path).await?.expect(200).text();
    let lines = text.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>()?)
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

#[tokio::test]
async fn a_flight_is_kept_with_who_flew_it_and_what_was_said() -> anyhow::Result<()> {
    let gateway = simulated().start().await?;
    let client = gateway.admin()?;
    let none = client.get("/api/recordings").await?.expect(200).json();
    assert_eq!(none["total"], 0);
    fly(&client).await?;
    let recording = ended(&client).await?;
    assert_eq!(
        (
            &recording["drone_id"],
            &recording["drone_name"],
            &recording["ended"]
        ),
        (&"d1".into(), &"Mast".into(), &"landed".into())
    );
    assert_eq!(recording["simulated"], true);
    assert_eq!(recording["lost"], 0);
    let id = recording["id"].as_str().expect("an id").to_owned();
    let page = client.get("/metrics").await?.expect(200).text();
    assert!(page.contains("\nmfg_drone_recordings 1"), "{page}");

    let lines = lines(&client, &id).await?;
    assert_eq!(lines[0]["opening"]["id"], *id);
    let judging = of_kind(&lines, "judging");
    let rules = judging[0]["judging"]["rules"].as_array().expect("rules");
    assert!(rules.iter().any(|rule| rule["name"] == "In Flight"));
    let states = of_kind(&lines, "state");
    assert_eq!(
        states.len() as u64,
        recording["states"].as_u64().expect("a number")
    );
    let text = |line: &Value| line["datagram"].as_str().expect("text").to_owned();
    assert!(states.iter().all(|line| text(line).ends_with("\r\n")));
    // It begins on the ground and ends there.
    let height = |line: &Value| gateway_tests::flight::field(text(line).as_bytes(), "h");
    let heights: Vec<i64> = states.iter().map(|line| height(line)).collect();
    let highest = heights.iter().max().expect("some");
    assert!(
        heights[0] < 50 && *highest >= 50 && heights[heights.len() - 1] < 50,
        "{heights:?}"
    );
    // In order, but for what was told later than it happened.
    let mut last = 0.0;
    for line in &lines {
        let at_s = line["at_s"].as_f64().expect("a time");
        assert!(at_s > last - 1.0, "{line} after {last}");
        last = at_s.max(last);
    }
    let times = states.iter().map(|line| line["at_s"].as_f64());
    assert!(times.is_sorted());
    let steps: Vec<(&str, &str)> = of_kind(&lines, "event")
        .iter()
        .filter_map(|line| {
            let event = &line["event"];
            assert_eq!(event["who"], "Admin Key", "{event}");
            Some((
                event["values"]["command"].as_str()?,
                event["values"]["state"].as_str()?,
            ))
        })
        .collect();
    for step in [
        ("takeoff", "queued"),
        ("takeoff", "answered"),
        ("land", "confirmed"),
    ] {
        assert!(steps.contains(&step), "{step:?} is not in {steps:?}");
    }
    let raised: Vec<&Value> = of_kind(&lines, "alert")
        .into_iter()
        .filter(|line| line["alert"]["event"] == "raised" && line["alert"]["title"] == "In Flight")
        .collect();
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert!(raised[0]["alert"]["value"].as_f64() >= Some(50.0));
    assert_eq!(of_kind(&lines, "closing").len(), 1);

    let path = format!("/api/recordings/{id}/download?format=csv");
    let csv = client.get(&path).await?.expect(200);
    assert_eq!(
        csv.header("content-disposition"),
        format!("attachment; filename=\"{id}.csv\"")
    );
    assert_eq!(csv.text().lines().count(), states.len() + 1);
    Ok(())
}

#[tokio::test]
async fn recordings_are_found_pinned_removed_and_audited() -> anyhow::Result<()> {
    let gateway = simulated().start().await?;
    let client = gateway.admin()?;
    fly(&client).await?;
    let recording = ended(&client).await?;
    let id = recording["id"].as_str().expect("an id").to_owned();
    let one = format!("/api/recordings/{id}");
    let started = recording["started"].as_str().expect("a time");
    for (query, found) in [
        (format!("at={started}"), 1),
        ("at=2001-01-01T00:00:00Z".to_owned(), 0),
        ("drone_id=d1&limit=1".to_owned(), 1),
        ("drone_id=d2".to_owned(), 0),
        (format!("before={id}"), 1),
    ] {
        let list = client.get(&format!("/api/recordings?{query}")).await?;
        assert_eq!(list.expect(200).json()["total"], found, "{query}");
    }
    client.get("/api/recordings?at=now").await?.expect(422);
    client
        .get(&format!("{one}/download?format=mp4"))
        .await?
        .expect(404);
    client.get("/api/recordings/none").await?.expect(404);
    client
        .get(&format!("{one}/download?format=mp3"))
        .await?
        .expect(422);
    let detail = client.get(&one).await?.expect(200).json();
    assert_eq!(detail["signed_here"], true);
    client.post(&format!("{one}/pin")).await?.expect(200);
    assert_eq!(client.get(&one).await?.expect(200).json()["pinned"], true);
    let taken = client.get(&format!("{one}/download")).await?.expect(200);
    assert_eq!(
        taken.header("content-type"),
        "application/vnd.mfg-drone.recording"
    );

    let file = gateway.state().join("flight.mfr");
    std::fs::write(&file, &taken.body)?;
    let name = file.to_str().expect("text");
    let verified = gateway
        .command(&["recordings", "verify", name])
        .output()
        .await?;
    let words = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        verified.status.success() && words.starts_with("whole"),
        "{verified:?}"
    );
    let mut bytes = taken.body.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&file, &bytes)?;
    let broken = gateway
        .command(&["recordings", "verify", name])
        .output()
        .await?;
    let words = String::from_utf8_lossy(&broken.stdout).into_owned();
    assert!(
        broken.status.code() == Some(1) && words.starts_with("broken at link "),
        "{broken:?}"
    );
    let listed = gateway
        .command(&["recordings", "list", "--json"])
        .output()
        .await?;
    let listed: Value = serde_json::from_slice(&listed.stdout)?;
    assert_eq!(listed[0]["opening"]["id"], *id, "{listed}");
    let nobodys = gateway
        .command(&["recordings", "list", "--drone", "nobody", "--json"])
        .output()
        .await?;
    assert_eq!(
        serde_json::from_slice::<Value>(&nobodys.stdout)?,
        serde_json::json!([])
    );
    let table = gateway
        .command(&["recordings", "export", "--format", "csv", &id])
        .output()
        .await?;
    let lines = String::from_utf8_lossy(&table.stdout).lines().count();
    assert!(table.status.success() && lines > 2, "{table:?}");

    client.delete(&one).await?.expect(200);
    client.delete(&one).await?.expect(404);
    client.get(&format!("{one}/download")).await?.expect(404);
    for event in ["recording_pinned", "recording_taken", "recording_removed"] {
        // (A thread of its own writes the log.)
        eventually(event, || async {
            Ok(gateway.output().contains(event).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_power_cut_costs_two_seconds_of_a_flight_and_no_other() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder()
        .config("[recording]\nmax_days = 0")
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
    let recording = eventually("a flight is recorded for some seconds", || async {
        let list = client.get("/api/recordings").await?.expect(200).json();
        let recording = list["recordings"][0].clone();
        Ok((recording["duration_s"].as_f64() > Some(3.0)).then_some(recording))
    })
    .await?;
    assert_eq!(recording["recording"], true);
    let id = recording["id"].as_str().expect("an id").to_owned();
    client
        .get(&format!("/api/recordings/{id}/download"))
        .await?
        .expect(409);
    client
        .delete(&format!("/api/recordings/{id}"))
        .await?
        .expect(409);
    gateway.kill().await?;
    gateway.restart().await?;
    let recording = eventually("the recording is ended", || async {
        let answer = client.get(&format!("/api/recordings/{id}")).await?;
        Ok((answer.status == 200).then(|| answer.json()))
    })
    .await?;
    assert_eq!(recording["ended"], "interrupted");
    // What was durable when it was asked before the cut is there.
    assert!(recording["duration_s"].as_f64() >= Some(3.0), "{recording}");
    let verified = gateway
        .command(&["recordings", "verify", &id])
        .output()
        .await?;
    assert!(verified.status.success(), "{verified:?}");
    Ok(())
}

#[tokio::test]
async fn flights_that_cannot_be_recorded_are_flown_and_told() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("no-directory");
    std::fs::write(&file, b"in the way")?;
    let gateway = simulated()
        .config(&format!("[recording]\ndir = {file:?}"))
        .start()
        .await?;
    let client = gateway.admin()?;
    fly(&client).await?;
    let alert = eventually("it is told", || async {
        let alerts = client.get("/api/alerts").await?.expect(200).json();
        let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts
            .into_iter()
            .find(|alert| alert["title"] == "Flights Not Recorded"))
    })
    .await?;
    assert_eq!(alert["level"], "warning");
    client.get("/api/recordings").await?.expect(503);
    let page = client.get("/metrics").await?.expect(200).text();
    assert!(page.contains("mfg_drone_recording_refused_total"), "{page}");
    Ok(())
}

#[tokio::test]
async fn recordings_can_be_off() -> anyhow::Result<()> {
    let gateway = simulated()
        .config("[recording]\nmax_bytes = 0")
        .start()
        .await?;
    let client = gateway.admin()?;
    fly(&client).await?;
    let list = client.get("/api/recordings").await?.expect(200).json();
    assert_eq!(list["total"], 0);
    assert!(!gateway.state().join("recordings").exists());
    Ok(())
}

/// Titles of the alerts about the drone that rules raised, oldest first.
async fn raised(client: &Client) -> anyhow::Result<Vec<String>> {
    let alerts = client.get("/api/alerts").await?.expect(200).json();
    let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
    let by_rule = alerts
        .iter()
        .filter(|alert| alert["source"] == "system_monitor" && alert["subject"] == "d1");
    let mut titles: Vec<String> = by_rule
        .map(|alert| alert["title"].as_str().unwrap_or_default().to_owned())
        .collect();
    titles.reverse();
    Ok(titles)
}

#[tokio::test]
async fn a_replayed_flight_raises_the_same_alerts() -> anyhow::Result<()> {
    let gateway = simulated().start().await?;
    let client = gateway.admin()?;
    fly(&client).await?;
    let recording = ended(&client).await?;
    let id = recording["id"].as_str().expect("an id");
    let taken = client
        .get(&format!("/api/recordings/{id}/download"))
        .await?
        .expect(200);
    let first = raised(&client).await?;
    assert!(first.contains(&"In Flight".to_owned()), "{first:?}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("flight.mfr");
    std::fs::write(&file, &taken.body)?;
    let file = file.to_str().expect("text");
    let compared = gateway
        .command(&["recordings", "compare", "--json", file])
        .output()
        .await?;
    let comparison: Value = serde_json::from_slice(&compared.stdout)?;
    assert!(compared.status.success(), "{comparison:#}");
    assert_eq!(comparison["same"][0]["rule"], "In Flight", "{comparison:#}");
    drop(gateway);

    let second = Gateway::builder()
        .config(RULE)
        .drone("d1", 2)
        .start()
        .await?;
    let (drone, gateway) = (second.block().host(2), second.block().gateway());
    let played = second
        .command(&["recordings", "replay", file, "--speed", "2"])
        .args([
            "--address",
            &drone.to_string(),
            "--gateway",
            &gateway.to_string(),
        ])
        .output()
        .await?;
    assert!(played.status.success(), "{played:?}");
    let client = second.admin()?;
    eventually("the same alerts", || async {
        Ok((raised(&client).await? == first).then_some(()))
    })
    .await?;
    // It was a flight to this gateway, too.
    let again = ended(&client).await?;
    assert_eq!(again["simulated"], false);
    Ok(())
}

#[tokio::test]
async fn pictures_are_recorded_where_they_are_wanted() -> anyhow::Result<()> {
    let gateway = simulated()
        .config("[recording]\nvideo = \"all\"")
        .start()
        .await?;
    let client = gateway.admin()?;
    client.post("/api/drones/d1/connect").await?.expect(200);
    client
        .post("/api/drones/d1/camera/stream/start")
        .await?
        .expect(200);
    client
        .post("/api/drones/d1/takeoff?wait=true")
        .await?
        .expect(200);
    eventually("some pictures in the air", || async {
        let camera = client
            .get("/api/drones/d1/camera")
            .await?
            .expect(200)
            .json();
        Ok((camera["fps"].as_u64() > Some(10)).then_some(()))
    })
    .await?;
    client
        .post("/api/drones/d1/land?wait=true")
        .await?
        .expect(200);
    let recording = ended(&client).await?;
    let id = recording["id"].as_str().expect("an id");
    assert!(recording["pictures"].as_u64() > Some(10), "{recording}");
    let path = format!("/api/recordings/{id}/download?format=mp4");
    let film = client.get(&path).await?.expect(200);
    assert_eq!(film.header("content-type"), "video/mp4");
    assert_eq!(&film.body[4..8], b"ftyp");
    Ok(())
}
