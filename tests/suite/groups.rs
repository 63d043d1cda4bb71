//! Groups of drones: all or none, control of each, and down for each that has a link.

use gateway_tests::{Client, Flyer, Gateway, eventually, simulated};
use http::Method;
use serde_json::{Value, json};

/// The group of the drones that `simulated::fleet` starts.
const GROUP: &str = "[[drones.group]]\nid = \"pair\"\ndrones = [\"d2\", \"d3\"]\n";

async fn told(client: &Client, what: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
    let path = format!("/api/groups/pair/{what}?wait=true");
    let answer = client.json(Method::POST, &path, body).await?;
    Ok((answer.status.into(), answer.json()))
}

async fn take_control(flyer: &Flyer, drone: &str) -> anyhow::Result<()> {
    let path = format!("/api/drones/{drone}/control");
    flyer.client().post(&path).await?.expect(200);
    Ok(())
}

async fn grounded(gateway: &Gateway, drone: &str) -> anyhow::Result<()> {
    let client = gateway.admin()?;
    let path = format!("/api/drones/{drone}/status");
    eventually("it is proven to be on the ground", || async {
        let status = client.get(&path).await?.expect(200).json();
        let is_it = status["flight_status"] == "landed" && status["flight_status_known"] == true;
        Ok(is_it.then_some(()))
    })
    .await
}

#[tokio::test]
async fn what_lifts_and_moves_is_for_all_or_for_none() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet_with(2, GROUP).await?;
    let client = gateway.admin()?;
    let listed = client.get("/api/groups").await?.expect(200).json();
    assert_eq!(listed, json!([{"id": "pair", "drones": ["d2", "d3"]}]));
    for drone in ["d2", "d3"] {
        grounded(&gateway, drone).await?;
    }

    // Without a session nobody has control; with it of one drone alone, none takes off.
    let (status, said) = told(&client, "takeoff", &json!({})).await?;
    assert_eq!(status, 409, "{said}");
    let flyer = Flyer::open(&client).await?;
    take_control(&flyer, "d2").await?;
    let (status, said) = told(flyer.client(), "takeoff", &json!({})).await?;
    assert_eq!(status, 409, "{said}");
    let words = said["message"].as_str().unwrap_or_default();
    assert!(
        words.contains("d3: ") && words.contains("control"),
        "{said}"
    );
    assert_eq!(drones.obeyed(), Vec::<String>::new());

    take_control(&flyer, "d3").await?;
    let (status, said) = told(flyer.client(), "takeoff", &json!({})).await?;
    assert_eq!((status, &said["success"]), (200, &true.into()), "{said}");
    let ids = said["results"].as_array().map(|all| {
        all.iter()
            .map(|one| (one["drone_id"].clone(), one["result"].clone()))
            .collect::<Vec<_>>()
    });
    let done = |id: &str| (Value::from(id), Value::from("done"));
    assert_eq!(ids, Some(vec![done("d2"), done("d3")]), "{said}");

    let go = json!({"x": 60, "y": 0, "z": 20, "speed": 100});
    let (status, said) = told(flyer.client(), "go", &go).await?;
    assert_eq!((status, &said["success"]), (200, &true.into()), "{said}");
    // One of them is on the ground: the other does not move either.
    flyer
        .client()
        .post("/api/drones/d3/land?wait=true")
        .await?
        .expect(200);
    grounded(&gateway, "d3").await?;
    let before = drones.obeyed().len();
    let turn = json!({"direction": "clockwise", "angle": 90});
    let (status, said) = told(flyer.client(), "rotate", &turn).await?;
    assert_eq!(status, 503, "{said}");
    assert!(
        said["message"]
            .as_str()
            .is_some_and(|text| text.contains("given to none")),
        "{said}"
    );
    assert_eq!(drones.obeyed().len(), before);

    // Down needs neither control nor the others.
    let (status, said) = told(&client, "land", &json!({})).await?;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["success"], true, "{said}");
    assert_eq!(said["results"][1]["result"], "not_needed", "{said}");
    let (status, _) = {
        let answer = client.post("/api/groups/nobody/land").await?;
        (u16::from(answer.status), answer)
    };
    assert_eq!(status, 404);
    gateway.says("group pair: land: d2 ").await
}
