//! Every command of the SDK's table through the real program, to simulated drones.

use gateway_tests::{Client, eventually, simulated};
use http::Method;
use serde_json::{Value, json};

/// One of SDK 1.3, and one of SDK 3.0.
const PLAIN: &str = "d2";
const TT: &str = "d4";

async fn told(
    client: &Client,
    drone: &str,
    command: &str,
    body: Value,
) -> anyhow::Result<(u16, Value)> {
    let path = format!("/api/drones/{drone}/{command}?wait=true");
    let answer = client.json(Method::POST, &path, &body).await?;
    Ok((answer.status.into(), answer.json()))
}

#[tokio::test]
async fn paths_are_flown_and_limits_hold_for_the_whole_way() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet(1).await?;
    let client = gateway.admin()?;
    let go = json!({"x": 60, "y": 0, "z": 20, "speed": 100});
    let (status, said) = told(&client, PLAIN, "go", go.clone()).await?;
    assert_eq!(status, 503, "on the ground: {said}");
    assert_eq!(told(&client, PLAIN, "takeoff", json!({})).await?.0, 200);

    let (status, said) = told(&client, PLAIN, "go", go).await?;
    assert_eq!(status, 200, "{said}");
    let curve = json!({"x1": 50, "y1": 50, "z1": 0, "x2": 100, "y2": 0, "z2": 0, "speed": 60});
    let (status, said) = told(&client, PLAIN, "curve", curve).await?;
    assert_eq!(status, 200, "{said}");
    let (status, said) = told(&client, PLAIN, "flip", json!({"direction": "left"})).await?;
    assert_eq!(status, 200, "{said}");

    // What the drone would refuse is refused here, with what to change.
    let line = json!({"x1": 50, "y1": 0, "z1": 0, "x2": 100, "y2": 0, "z2": 0, "speed": 60});
    let (status, said) = told(&client, PLAIN, "curve", line).await?;
    assert_eq!(status, 400);
    assert!(
        said["message"]
            .as_str()
            .is_some_and(|text| text.contains("use `go`")),
        "{said}"
    );
    let (status, said) = told(
        &client,
        PLAIN,
        "go",
        json!({"x": 501, "y": 0, "z": 0, "speed": 9, "pad": 0}),
    )
    .await?;
    assert_eq!(status, 422);
    assert_eq!(
        said["detail"].as_array().map(Vec::len),
        Some(2),
        "x and speed: {said}"
    );

    // Both ends of it are below the ceiling of 10 m; its middle is not.
    for _ in 0..2 {
        let up = json!({"x": 0, "y": 0, "z": 400, "speed": 100});
        assert_eq!(told(&client, PLAIN, "go", up).await?.0, 200);
    }
    let over = json!({"x1": 150, "y1": 0, "z1": 150, "x2": 300, "y2": 0, "z2": 0, "speed": 60});
    let (status, said) = told(&client, PLAIN, "curve", over).await?;
    assert_eq!(status, 503);
    assert!(
        said["message"]
            .as_str()
            .is_some_and(|text| text.contains("out of bounds")),
        "{said}"
    );
    let obeyed = drones.obeyed().join("\n");
    for sent in [
        "go 60 0 20 100",
        "curve 50 50 0 100 0 0 60",
        "flip l",
        "go 0 0 400 100",
    ] {
        assert!(obeyed.contains(sent), "{sent} in {obeyed}");
    }
    assert!(!obeyed.contains("curve 150 0 150"), "{obeyed}");
    let (status, said) = told(&client, PLAIN, "land", json!({})).await?;
    assert_eq!(status, 200, "{said}: {obeyed}");
    Ok(())
}

#[tokio::test]
async fn pads_are_seen_when_they_are_looked_for() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet(3).await?;
    let client = gateway.admin()?;
    assert_eq!(told(&client, TT, "mon", json!({})).await?.0, 200);
    assert_eq!(
        told(&client, TT, "mdirection", json!({"cameras": "down"}))
            .await?
            .0,
        200
    );
    assert_eq!(told(&client, TT, "takeoff", json!({})).await?.0, 200);
    let pad = || async {
        let status = client
            .get("/api/drones/d4/status")
            .await?
            .expect(200)
            .json();
        Ok(Some(status["mission_pad"].clone()).filter(|pad| !pad.is_null()))
    };
    let seen = eventually("the pad below is seen", pad).await?;
    assert_eq!(seen["id"], 1, "{seen}");
    assert!(
        seen["z"]
            .as_i64()
            .is_some_and(|cm| (60..=120).contains(&cm)),
        "{seen}"
    );
    let (status, said) = told(
        &client,
        TT,
        "jump",
        json!({"x": 0, "y": 0, "z": 80, "speed": 50, "yaw": 0, "pad1": 1, "pad2": 2}),
    )
    .await?;
    assert_eq!(status, 200, "{said}");
    eventually("the second pad is seen", || async {
        Ok(pad().await?.filter(|pad| pad["id"] == 2))
    })
    .await?;
    // A pad that is not there is the drone's to refuse.
    let (status, said) = told(
        &client,
        TT,
        "go",
        json!({"x": 0, "y": 0, "z": 80, "speed": 50, "pad": 7}),
    )
    .await?;
    assert_eq!(status, 503, "{said}");
    let (status, said) = told(&client, TT, "moff", json!({})).await?;
    assert_eq!(status, 200, "{said}");
    eventually("no pad is told any more", || async {
        Ok(pad().await?.is_none().then_some(()))
    })
    .await?;
    let (status, said) = told(&client, TT, "land", json!({})).await?;
    assert_eq!(status, 200, "{said}: {:?}", drones.obeyed());
    Ok(())
}

#[tokio::test]
async fn what_a_tt_alone_can_do_is_done_and_others_are_refused_by_what_they_said()
-> anyhow::Result<()> {
    let (gateway, _drones) = simulated::fleet(3).await?;
    let client = gateway.admin()?;
    let known = |drone: &'static str, version: &'static str| {
        let client = &client;
        eventually("it said what SDK it has", move || async move {
            let path = format!("/api/drones/{drone}/status");
            let shown = client.get(&path).await?.expect(200).json();
            let found = &shown["real_drone_info"]["firmware_version"];
            Ok((found == version).then_some(()))
        })
    };
    known(TT, "30").await?;
    let (status, said) = told(&client, TT, "ext", json!({"text": "led 0 255 0"})).await?;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["answer"], "led ok", "{said}");
    let (status, said) = told(&client, TT, "ask", json!({"what": "wifi"})).await?;
    assert_eq!((status, &said["answer"]), (200, &"90".into()), "{said}");
    let (status, said) = told(&client, TT, "ask", json!({"what": "weather"})).await?;
    assert_eq!(status, 422, "{said}");
    let (status, said) = told(&client, TT, "ext", json!({"text": "led 0"})).await?;
    assert_eq!(status, 503, "{said}");
    let (status, _) = told(&client, TT, "ext", json!({"text": "led\nland"})).await?;
    assert_eq!(status, 400);
    let body = json!({"command": "ext", "params": {"text": "mled s r A"}});
    let (status, said) = told(&client, TT, "command", body).await?;
    assert_eq!(status, 200, "{said}");
    assert!(
        said["message"]
            .as_str()
            .is_some_and(|text| text.ends_with("matrix ok"))
    );

    let idles = |wanted: bool| {
        let client = &client;
        eventually("its motors do as they were told", move || async move {
            let status = client
                .get("/api/drones/d4/status")
                .await?
                .expect(200)
                .json();
            let rests = status["flight_status"] == "landed" && status["motors_idle"] == wanted;
            Ok((rests && status["flight_status_known"] == true).then_some(()))
        })
    };
    idles(false).await?;
    assert_eq!(told(&client, TT, "motoron", json!({})).await?.0, 200);
    idles(true).await?;
    let (status, said) = told(&client, TT, "reboot", json!({})).await?;
    assert_eq!(status, 503, "{said}");
    assert_eq!(told(&client, TT, "motoroff", json!({})).await?.0, 200);
    idles(false).await?;

    // Refused here, with the version that was found and before anything is sent.
    let refused = eventually("it is known to be of SDK 1.3", || async {
        let (status, said) = told(&client, PLAIN, "mon", json!({})).await?;
        Ok((status == 400).then_some(said))
    })
    .await?;
    assert_eq!(refused["error_code"], "NOT_SUPPORTED", "{refused}");
    let words = refused["message"].as_str().unwrap_or_default();
    assert!(
        words.contains("SDK 2.0") && words.contains("SDK 1.3"),
        "{refused}"
    );
    let (status, said) = told(&client, PLAIN, "ask", json!({"what": "sn"})).await?;
    assert_eq!(
        (status, &said["error_code"]),
        (400, &"NOT_SUPPORTED".into()),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_stands_at_the_board_flies_by_the_command_line() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet(1).await?;
    let fly = |line: &'static [&'static str]| {
        let words = [&["fly", PLAIN], line].concat();
        let mut command = gateway.command(&words);
        async move {
            let output = command.output().await?;
            let said = [output.stdout, output.stderr].concat();
            anyhow::Ok((
                output.status.success(),
                String::from_utf8_lossy(&said).into_owned(),
            ))
        }
    };
    let (done, said) = fly(&["go", "100", "0", "50", "--speed", "30"]).await?;
    assert!(!done && said.contains("not airborne"), "{said}");
    // Its pads are of SDK 2.0: refused here, or in the drone's words, and never as usage.
    for line in [
        &["go", "0", "0", "80", "--speed", "50", "--pad", "1"] as &[&str],
        &[
            "jump", "0", "0", "80", "--speed", "50", "--yaw", "0", "--pad1", "1", "--pad2", "2",
        ],
    ] {
        let (done, said) = fly(line).await?;
        assert!(!done && !said.contains("Usage"), "{said}");
    }
    let (done, said) = fly(&["takeoff"]).await?;
    assert!(done && said.contains("lands by itself"), "{said}");
    let (done, said) = fly(&["go", "100", "0", "-20", "--speed", "100"]).await?;
    assert!(done, "{said}");
    let (done, said) = fly(&["ask", "battery"]).await?;
    assert!(done && said.contains("answered: "), "{said}");
    let (done, said) = fly(&["wifi", "site", "never-shown-6172"]).await?;
    assert!(!done && said.contains("`wifi` is not passed on"), "{said}");
    assert!(!said.contains("never-shown") && !gateway.output().contains("never-shown"));
    let (done, said) = fly(&["go", "5", "5", "5", "--speed", "100"]).await?;
    assert!(!done && said.contains("20 cm"), "{said}");
    let (done, said) = fly(&["land"]).await?;
    assert!(done, "{said}");
    let obeyed = drones.obeyed().join("\n");
    assert!(obeyed.contains("go 100 0 -20 100"), "{obeyed}");
    gateway.says("d2: go 100 0 -20 100, command ").await
}
