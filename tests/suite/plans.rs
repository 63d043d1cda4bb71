//! Flight plans: judged before they start, flown step by step, ended by whoever may, and
//! never resumed.

use std::time::Duration;

use gateway_tests::gateway::Prepared;
use gateway_tests::{Client, Flyer, Gateway, WebSocket, eventually, simulated};
use http::Method;
use serde_json::{Value, json};

use crate::cross_config::repository;

/// The second of the simulated drones has little charge, for which a long plan is refused.
const GROUP: &str = "[[drones.group]]\nid = \"pair\"\ndrones = [\"d2\", \"d3\"]\n[drones.limits]\nland_battery_pct = 0\n";

async fn post(client: &Client, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
    let answer = client.json(Method::POST, path, body).await?;
    Ok((answer.status.into(), answer.json()))
}

/// A flyer with control of both, who are proven to be on the ground.
async fn flyer(client: &Client) -> anyhow::Result<Flyer> {
    let flyer = Flyer::open(client).await?;
    for drone in ["d2", "d3"] {
        let path = format!("/api/drones/{drone}/status");
        eventually("it is proven to be on the ground", || async {
            let status = client.get(&path).await?.expect(200).json();
            let is_it =
                status["flight_status"] == "landed" && status["flight_status_known"] == true;
            Ok(is_it.then_some(()))
        })
        .await?;
        let path = format!("/api/drones/{drone}/control");
        flyer.client().post(&path).await?.expect(200);
    }
    Ok(flyer)
}

/// The plan of that id, once it is as it should be.
async fn plan_when(
    client: &Client,
    id: &str,
    is: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let path = format!("/api/plans/{id}");
    eventually("the plan is as it should be", || async {
        let plan = client.get(&path).await?.expect(200).json();
        Ok(is(&plan).then_some(plan))
    })
    .await
}

fn id_of(plan: &Value) -> String {
    plan["plan_id"].as_str().unwrap_or_default().to_owned()
}

/// A plan for both, whose second step is another for each.
fn square() -> Value {
    json!({"name": "square", "steps": [
        {"group": "pair", "command": "takeoff"},
        {"together": [
            {"drones": ["d2"], "command": "go", "x": 60, "y": 0, "z": 0, "speed": 100},
            {"drones": ["d3"], "command": "move", "direction": "up", "distance": 30},
        ]},
        {"drones": ["d2"], "command": "rotate", "direction": "clockwise", "angle": 90},
        {"group": "pair", "command": "land"},
    ]})
}

#[tokio::test]
async fn what_would_go_wrong_is_refused_before_anything_is_sent() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet_with(2, GROUP).await?;
    let (client, square) = (gateway.admin()?, square());
    // Nobody is there; then nobody has control.
    let (status, said) = post(&client, "/api/plans", &square).await?;
    assert_eq!(
        (status, &said["error_code"]),
        (400, &"SESSION_REQUIRED".into()),
        "{said}"
    );
    let stranger = Flyer::open(&client).await?;
    let (status, said) = post(stranger.client(), "/api/plans", &square).await?;
    assert_eq!(
        (status, &said["error_code"]),
        (409, &"DRONE_CONTROLLED".into()),
        "{said}"
    );
    let flyer = flyer(&client).await?;

    // What leaves the ceiling in its third step does not begin.
    let up = json!({"group": "pair", "command": "move", "direction": "up", "distance": 500});
    let high = json!({"name": "high", "steps": [{"group": "pair", "command": "takeoff"}, up, up]});
    let (status, told) = post(&client, "/api/plans/check", &high).await?;
    assert_eq!((status, &told["state"]), (200, &"refused".into()), "{told}");
    assert_eq!(told["steps"][1]["drones"][0]["state"], "fit", "{told}");
    assert_eq!(told["steps"][2]["drones"][1]["state"], "refused", "{told}");
    let (status, said) = post(flyer.client(), "/api/plans", &high).await?;
    assert_eq!(
        (status, &said["error_code"]),
        (409, &"PLAN_REFUSED".into()),
        "{said}"
    );
    assert!(
        said["message"]
            .as_str()
            .is_some_and(|text| text.contains("step 3")),
        "{said}"
    );
    let (status, said) = post(
        &client,
        "/api/plans/check",
        &json!({"name": "p", "steps": [{"command": "land"}]}),
    )
    .await?;
    assert_eq!(
        (status, &said["detail"][0]["loc"][1]),
        (422, &"steps[0].drones".into()),
        "{said}"
    );
    assert_eq!(drones.obeyed(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_plan_is_flown_step_by_step_in_its_flyer_s_name() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet_with(2, GROUP).await?;
    let (client, square) = (gateway.admin()?, square());
    let flyer = flyer(&client).await?;
    let mut socket = WebSocket::open(&client, "/ws?events=true", &[]).await?;
    socket.next_of("connection_established").await?;
    let (status, begun) = post(flyer.client(), "/api/plans", &square).await?;
    assert_eq!(
        (status, &begun["state"]),
        (200, &"running".into()),
        "{begun}"
    );
    let id = id_of(&begun);
    let (status, said) = post(flyer.client(), "/api/plans", &square).await?;
    assert_eq!(
        (status, &said["error_code"]),
        (409, &"DRONE_IN_PLAN".into()),
        "{said}"
    );
    let over = plan_when(&client, &id, |plan| plan["ended_at"].is_string()).await?;
    assert_eq!(over["state"], "done", "{over}");
    let done = over["steps"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|step| step["drones"].as_array().unwrap());
    assert!(
        done.clone()
            .all(|task| task["state"] == "done" && task["command_id"].is_string()),
        "{over}"
    );
    // The barrier: both were up before either moved, and the turn came after both.
    let obeyed = drones.obeyed();
    let at = |command: &str| obeyed.iter().position(|one| one == command).unwrap();
    assert_eq!(obeyed[..2], ["takeoff", "takeoff"], "{obeyed:?}");
    assert!(
        at("cw 90") > at("go 60 0 0 100") && at("cw 90") > at("up 30"),
        "{obeyed:?}"
    );
    // It is told: on the socket, in the list of commands, in the log.
    let mut told = Vec::new();
    while told.last().is_none_or(|state| state != "done") {
        let event = socket.next_of("event").await?["event"].clone();
        if event["kind"] == "plan" && event["values"]["plan_id"] == *id {
            told.push(event["values"]["state"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(told.len(), 5, "each step and the end: {told:?}");
    let commands = client.get("/api/commands").await?.expect(200).json();
    let by = format!("(plan {id})");
    let of_plan = commands.as_array().unwrap().iter();
    let of_plan = of_plan.filter(|one| one["by"].as_str().is_some_and(|name| name.ends_with(&by)));
    assert_eq!(of_plan.count(), 7);
    assert!(
        gateway
            .output()
            .contains(&format!("plan {id} (square): done")),
        "{}",
        gateway.output()
    );
    Ok(())
}

#[tokio::test]
async fn a_plan_ends_with_its_flyer_and_nothing_resumes_after_a_restart() -> anyhow::Result<()> {
    let (mut gateway, drones) = simulated::fleet_with(2, GROUP).await?;
    let client = gateway.admin()?;
    let long = json!({"name": "long", "steps": [
        {"group": "pair", "command": "takeoff"},
        {"group": "pair", "command": "wait", "seconds": 60},
        {"group": "pair", "command": "rotate", "direction": "clockwise", "angle": 90},
    ]});
    let flyer_1 = flyer(&client).await?;
    let (status, begun) = post(flyer_1.client(), "/api/plans", &long).await?;
    assert_eq!(status, 200, "{begun}");
    let id = id_of(&begun);
    plan_when(&client, &id, |plan| plan["step"] == 2).await?;
    // A person's own command takes one drone out; the plan goes on with the other.
    flyer_1
        .client()
        .post("/api/drones/d3/land")
        .await?
        .expect(200);
    let left = plan_when(&client, &id, |plan| {
        plan["steps"][1]["drones"][1]["state"] == "left"
    })
    .await?;
    assert_eq!(left["state"], "running", "{left}");
    // What the page shows comes with the list: whose plan it is, and what each does now.
    let list = client.get("/api/plans").await?.expect(200).json();
    assert_eq!(list[0]["drones"], json!(["d2", "d3"]), "{list}");
    assert_eq!(list[0]["left"], json!(["d3"]), "{list}");
    assert_eq!(list[0]["doing"][0]["command"], "wait 60", "{list}");
    assert_eq!(list[0]["steps"], json!([]), "{list}");
    assert!(
        left["why"]
            .as_str()
            .is_some_and(|why| why.contains("d3 is no part")),
        "{left}"
    );
    // Paused by anybody, resumed by its flyer alone.
    let path = |what: &str| format!("/api/plans/{id}/{what}");
    let (status, said) = post(&client, &path("pause"), &json!({})).await?;
    assert_eq!((status, &said["state"]), (200, &"paused".into()), "{said}");
    let (status, said) = post(&client, &path("resume"), &json!({})).await?;
    assert_eq!(
        (status, &said["error_code"]),
        (409, &"PLAN_CONTROLLED".into()),
        "{said}"
    );
    let (status, said) = post(flyer_1.client(), &path("resume"), &json!({})).await?;
    assert_eq!((status, &said["state"]), (200, &"running".into()), "{said}");
    drop(flyer_1);
    let over = plan_when(&client, &id, |plan| plan["ended_at"].is_string()).await?;
    assert_eq!(
        (&over["state"], &over["why"]),
        (&"ended".into(), &"its flyer is gone".into())
    );
    eventually("both landed", || async {
        Ok((drones.count("land") >= 2).then_some(()))
    })
    .await?;

    let flyer_2 = flyer(&client).await?;
    let (status, begun) = post(flyer_2.client(), "/api/plans", &long).await?;
    assert_eq!(status, 200, "{begun}");
    plan_when(&client, &id_of(&begun), |plan| plan["step"] == 2).await?;
    let before = drones.obeyed().len();
    assert_eq!(drones.count("takeoff"), 4, "both fly");
    gateway.restart().await?;
    let client = gateway.admin()?;
    assert_eq!(
        client.get("/api/plans").await?.expect(200).json(),
        json!([])
    );
    client
        .get(&format!("/api/plans/{}", id_of(&begun)))
        .await?
        .expect(404);
    // Safe's rule: nobody holds them any more, so both come down, and nothing of the plan
    // goes on.
    for drone in ["d2", "d3"] {
        let path = format!("/api/drones/{drone}/status");
        eventually("it has landed", || async {
            let status = client.get(&path).await?.expect(200).json();
            let is_down =
                status["flight_status"] == "landed" && status["flight_status_known"] == true;
            Ok(is_down.then_some(()))
        })
        .await?;
    }
    let after = drones.obeyed().split_off(before);
    assert!(after.iter().all(|told| told == "land"), "{after:?}");
    assert_eq!(
        client.get("/api/plans").await?.expect(200).json(),
        json!([])
    );
    Ok(())
}

/// The plan in the documentation.
fn worked_example() -> anyhow::Result<String> {
    let page = std::fs::read_to_string(repository("docs/flight-plans.md"))?;
    let plan = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    Ok(plan.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_plan_of_the_documentation_flies_in_the_simulator_and_at_the_console()
-> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plan.json");
    std::fs::write(&file, worked_example()?)?;
    let file = file.to_str().unwrap();
    let drones = "[[drones.drone]]\nid = \"drone_001\"\n[[drones.drone]]\nid = \"drone_002\"\nmode = \"real\"\naddress = \"192.0.2.7\"\n";
    let prepared: Prepared = Gateway::builder()
        .drones(&format!("mode = \"simulation\"\n{drones}"))
        .prepare()?;
    let output = prepared.command(&["plan", "check", file]).output().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("no gateway runs"),
        "{said}"
    );
    assert!(said.contains("can fly"), "{said}");
    let output = prepared
        .command(&["plan", "fly", file, "--simulate"])
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("done"),
        "{said}\n{complaint}"
    );
    assert!(said.contains("drone_002  land: done"), "{said}");
    // One that a step would make impossible says so, and does not fly.
    let low = json!({"name": "low", "steps": [{"drones": ["drone_001"], "command": "move", "direction": "up", "distance": 50}]});
    std::fs::write(file, low.to_string())?;
    let output = prepared.command(&["plan", "check", file]).output().await?;
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

#[tokio::test]
async fn the_console_flies_holds_and_ends_plans() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet_with(2, GROUP).await?;
    let client = gateway.admin()?;
    drop(flyer(&client).await?);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plan.json");
    let plan = json!({"name": "round", "steps": [
        {"group": "pair", "command": "takeoff"},
        {"group": "pair", "command": "wait", "seconds": 120},
    ]});
    std::fs::write(&file, plan.to_string())?;
    let file = file.to_str().unwrap();
    // (Until the flyer before is gone, control is theirs.)
    let id = eventually("the console may fly", || async {
        let mut child = gateway
            .command(&["plan", "fly", file])
            .kill_on_drop(true)
            .spawn()?;
        let started = async {
            loop {
                let plans = client.get("/api/plans").await?.expect(200).json();
                if let Some(id) = plans[0]["plan_id"].as_str() {
                    return anyhow::Ok(Some(id.to_owned()));
                }
                if child.try_wait()?.is_some() {
                    return Ok(None);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let id = started.await?;
        Ok(id.map(|id| (id, child)))
    })
    .await?;
    let (id, mut child) = id;
    plan_when(&client, &id, |plan| plan["step"] == 2).await?;
    for (what, state) in [("pause", "paused"), ("resume", "running"), ("end", "ended")] {
        let output = gateway.command(&["plan", what, &id]).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains(state),
            "{what}: {said}"
        );
    }
    let status = gateway.command(&["plan", "status"]).output().await?;
    assert!(String::from_utf8_lossy(&status.stdout).contains("console ended it"));
    assert_eq!(
        child.wait().await?.code(),
        Some(1),
        "a plan that was ended is not done"
    );
    eventually("both land", || async {
        Ok((drones.count("land") >= 2).then_some(()))
    })
    .await?;
    Ok(())
}
