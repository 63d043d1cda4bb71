//! The loop closed: emergency stops, rules and limits that act on drones, what latches,
//! and what a flyer may veto.

use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::drone::{Drone, Shown, Streaming};
use gateway_tests::{Client, Gateway, GatewayBuilder, WebSocket, eventually};
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bridge_line::{alert, quiet, section, stands};

const GROUND: Shown = Shown {
    motors_run: false,
    height_cm: 0,
    battery_pct: 80,
};

/// A gateway with a drone `d1` that streams, standing on the ground, and another, `d2`,
/// that is not heard.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) client: Client,
    pub(crate) drone: Drone,
    states: Streaming,
}

impl Scene {
    pub(crate) async fn new(config: &str) -> anyhow::Result<Scene> {
        Scene::of(Gateway::builder().config(config)).await
    }

    /// With what else the gateway is to have.
    pub(crate) async fn of(builder: GatewayBuilder) -> anyhow::Result<Scene> {
        let gateway = builder.drone("d1", 2).drone("d2", 3).start().await?;
        let drone = Drone::at(gateway.block().host(2)).await?;
        let to = drone.enter_sdk_mode().await?;
        let states = drone.stream(to, GROUND);
        let scene = Scene {
            client: gateway.admin()?,
            gateway,
            drone,
            states,
        };
        scene.until_landed().await?;
        Ok(scene)
    }

    async fn status(&self, wanted: &str, known: bool) -> anyhow::Result<()> {
        eventually(wanted, || async {
            let status = self
                .client
                .get("/api/drones/d1/status")
                .await?
                .expect(200)
                .json();
            let is = status["flight_status"] == wanted && status["flight_status_known"] == known;
            Ok(is.then_some(()))
        })
        .await
    }

    async fn until_landed(&self) -> anyhow::Result<()> {
        self.status("landed", true).await
    }

    /// It flies, as its states show.
    pub(crate) async fn fly(&self, height_cm: u16) -> anyhow::Result<()> {
        self.states.show(true, height_cm);
        self.status("flying", true).await
    }

    /// It lands, as its states show.
    async fn land(&self) -> anyhow::Result<()> {
        self.states.show(false, 0);
        self.until_landed().await
    }

    /// Why a take-off is refused.
    async fn refused(&self) -> anyhow::Result<String> {
        let path = "/api/drones/d1/takeoff";
        let answer = self.client.post(path).await?.expect(503).json();
        let message = answer["message"].as_str().expect("words").to_owned();
        let safety = self
            .client
            .get("/api/drones/d1/safety")
            .await?
            .expect(200)
            .json();
        assert_eq!(safety["takeoff_allowed"], false, "{safety}");
        let reasons = safety["takeoff_checks"].as_array().expect("checks").iter();
        let reasons: Vec<&str> = reasons
            .filter_map(|check| check["reason"].as_str())
            .collect();
        assert!(
            reasons.iter().all(|why| message.contains(why)),
            "{message}: {safety}"
        );
        Ok(message)
    }

    async fn stop_is(&self, state: &'static str) -> anyhow::Result<Value> {
        eventually(state, || async {
            let stops = self
                .client
                .get("/api/emergency-stop")
                .await?
                .expect(200)
                .json();
            Ok((stops["stops"][0]["state"] == state).then_some(stops))
        })
        .await
    }
}

/// The next event of what the gateway does by itself.
async fn guarded(socket: &mut WebSocket) -> anyhow::Result<Value> {
    loop {
        let event = socket.next_of("event").await?["event"].take();
        if event["kind"] == "guard" {
            return Ok(event);
        }
    }
}

/// A rule on the height of drones.
fn height_rule(over_cm: u16, level: &str, more: &str) -> String {
    format!(
        "[[alerts.rule]]\nname = \"Too High\"\nmetric = \"height\"\noperator = \">\"\n\
         threshold = {over_cm}\nlevel = \"{level}\"\ncooldown_minutes = 60\n{more}\n"
    )
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a figure, for `SPECIFICATION.md`")]
async fn an_emergency_stop_lands_who_flies_and_latches_until_it_is_reset() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let mut scene = Scene::new(&(quiet() + &section("mast", &port))).await?;
    scene.fly(80).await?;
    let pressed = Instant::now();
    board.order("stop on").await?;
    scene.drone.obey("land").await?;
    println!(
        "from the order to the board to the drone: {:?}",
        pressed.elapsed()
    );
    let stops = scene.stop_is("engaged").await?;
    assert_eq!(stops["latched"], true, "{stops}");
    alert(&scene.client, "Gateway Acts", "d1", stands).await?;
    scene.land().await?;

    let why = scene.refused().await?;
    assert!(
        why.contains("emergency stop of bridge mast is engaged"),
        "{why}"
    );
    let reset = "/api/emergency-stop/reset";
    scene.client.post(reset).await?.expect(409);
    let reader = scene.gateway.reader()?;
    reader.post(reset).await?.expect(403);
    board.order("stop off").await?;
    scene.stop_is("released").await?;
    let why = scene.refused().await?;
    assert!(why.contains("nobody has reset it"), "{why}");

    // Over a power cut, too.
    scene.gateway.kill().await?;
    scene.gateway.restart().await?;
    scene.client = scene.gateway.admin()?;
    let stops = scene.stop_is("released").await?;
    assert_eq!(stops["latched"], true, "{stops}");
    scene.until_landed().await?;
    let why = scene.refused().await?;
    assert!(why.contains("nobody has reset it"), "{why}");
    scene.client.post(reset).await?.expect(200);
    let safety = scene
        .client
        .get("/api/drones/d1/safety")
        .await?
        .expect(200)
        .json();
    assert_eq!(safety["takeoff_allowed"], true, "{safety}");
    scene
        .client
        .post("/api/drones/d1/takeoff")
        .await?
        .expect(200);
    scene.gateway.says("emergency stop of mast: reset").await
}

#[tokio::test]
async fn an_emergency_stop_cuts_motors_where_that_is_wished_and_of_its_drones_alone()
-> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let mast = section("mast", &port);
    let keys = "on_emergency_stop = \"emergency\"\ndrones = [\"d1\"]\n";
    let cuts = format!("{}{mast}{keys}", quiet());
    let scene = Scene::new(&cuts).await?;
    scene.fly(80).await?;
    board.order("stop on").await?;
    scene.drone.obey("emergency").await?;
    for (id, is_held) in [("d1", true), ("d2", false)] {
        let path = format!("/api/drones/{id}/safety");
        let safety = scene.client.get(&path).await?.expect(200).json();
        let checks = safety["takeoff_checks"].as_array().expect("checks");
        let held = checks.iter().find(|check| check["check"] == "not_held");
        assert_eq!(held.expect("a check")["ok"], !is_held, "{safety}");
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_bridge_with_an_emergency_stop_keeps_drones_down_and_lands_none()
-> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let board = SimulatedBoard::plug_in(&port).await?;
    let mast = section("mast", &port);
    let config = format!("{}{mast}on_lost = \"refuse_takeoff\"\n", quiet());
    let scene = Scene::new(&config).await?;
    scene.stop_is("released").await?;
    scene.fly(80).await?;
    board.kill().await?;
    scene.stop_is("unknown").await?;
    scene.status("flying", true).await?;
    scene.land().await?;
    // (What the board said last may be read late, and count for a moment.)
    scene.stop_is("unknown").await?;
    let why = scene.refused().await?;
    assert!(
        why.contains("mast, which has an emergency stop, is lost"),
        "{why}"
    );

    let path = "/api/emergency-stop/override";
    let wish = |bridge: &str, reason: &str| json!({"bridge": bridge, "reason": reason});
    let client = &scene.client;
    client
        .json(Method::POST, path, &wish("mast", ""))
        .await?
        .expect(422);
    client
        .json(Method::POST, path, &wish("base", "it burnt"))
        .await?
        .expect(404);
    client
        .json(Method::POST, path, &wish("mast", "it burnt"))
        .await?
        .expect(200);
    // And by whoever stands at the board.
    let told = ["emergency-stop", "override", "mast", "--reason", "it fell"];
    let output = scene.gateway.command(&told).output().await?;
    assert!(output.status.success(), "{output:?}");
    client.post("/api/drones/d1/takeoff").await?.expect(200);
    // What was heard in the meantime: nothing that brings a drone down.
    loop {
        let (heard, _) = scene.drone.hear().await?;
        assert!(!["land", "stop", "emergency"].contains(&&*heard), "{heard}");
        if heard == "takeoff" {
            break;
        }
    }
    for why in ["because: it burnt", "because: it fell"] {
        scene.gateway.says(why).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_rule_lands_a_drone_once_a_flight_whatever_holds_its_alert_back() -> anyhow::Result<()> {
    let rule = height_rule(150, "critical", "action = \"land\"");
    let scene = Scene::new(&(quiet() + &rule)).await?;
    let client = &scene.client;
    scene.fly(200).await?;
    scene.drone.obey("land").await?;
    let raised = alert(client, "Too High", "d1", stands).await?;
    // Muted, acknowledged and in its cool-down: none of it keeps the next flight up.
    let id = raised["id"].as_str().expect("an id");
    let mute = format!("/api/alerts/{id}/mute");
    client
        .json(Method::POST, &mute, &json!({"for_s": 3600}))
        .await?
        .expect(200);
    client
        .post(&format!("/api/alerts/{id}/acknowledge"))
        .await?
        .expect(200);
    scene.land().await?;
    scene.fly(200).await?;
    scene.drone.obey("land").await?;
    // Once a flight: a second landing would be another command in the list.
    let commands = client.get("/api/commands").await?.expect(200).json();
    let commands = commands.as_array().expect("a list").iter();
    let landings: Vec<&Value> = commands
        .filter(|command| command["kind"] == "guard")
        .collect();
    assert_eq!(landings.len(), 2, "{landings:?}");
    let why = landings[0]["why"].as_str().expect("words");
    assert!(
        why.contains("rule \"Too High\": height of d1 is 200"),
        "{why}"
    );
    Ok(())
}

#[tokio::test]
async fn a_landing_that_is_not_critical_is_announced_and_may_be_vetoed() -> anyhow::Result<()> {
    let rule = height_rule(150, "warning", "action = \"land\"");
    let scene = Scene::new(&(quiet() + &rule)).await?;
    let client = &scene.client;
    let mut socket = WebSocket::open(client, "/ws?events=true", &[]).await?;
    client.post("/api/drones/d1/veto").await?.expect(409);
    scene.fly(200).await?;
    let announced = alert(client, "Landing Announced", "d1", stands).await?;
    let words = announced["message"].as_str().expect("words");
    assert!(
        words.contains("in 5 s") && words.contains("Too High"),
        "{words}"
    );
    let event = guarded(&mut socket).await?;
    assert_eq!(event["values"]["state"], "queued", "{event}");
    assert!(
        event["why"].as_str().expect("words").starts_with("in 5 s"),
        "{event}"
    );
    let safety = client
        .get("/api/drones/d1/safety")
        .await?
        .expect(200)
        .json();
    let landing = &safety["announced_landing"];
    assert_eq!(
        landing["command_id"], event["values"]["command_id"],
        "{safety}"
    );
    assert!(
        landing["in_s"].as_f64().expect("seconds") <= 5.0,
        "{safety}"
    );
    client.post("/api/drones/d1/veto").await?.expect(200);
    let event = guarded(&mut socket).await?;
    assert_eq!(event["values"]["state"], "refused", "{event}");
    assert!(
        event["why"]
            .as_str()
            .expect("words")
            .starts_with("vetoed by"),
        "{event}"
    );
    client.post("/api/drones/d1/veto").await?.expect(409);

    // By a socket as well, of whoever has control alone.
    scene.land().await?;
    scene.fly(200).await?;
    assert_eq!(guarded(&mut socket).await?["values"]["state"], "queued");
    let mut flyer = WebSocket::open(client, "/ws", &[]).await?;
    let take = r#"{"type":"take_control","drone_id":"d1"}"#;
    flyer.send(take).await?;
    flyer.next_of("control_taken").await?;
    let veto = r#"{"type":"veto_landing","drone_id":"d1"}"#;
    socket.send(veto).await?;
    let refused = socket.next_of("error").await?;
    assert_eq!(refused["error_code"], "VETO_ERROR", "{refused}");
    client.post("/api/drones/d1/veto").await?.expect(409);
    flyer.send(veto).await?;
    flyer.next_of("landing_vetoed").await?;
    assert_eq!(guarded(&mut socket).await?["values"]["state"], "refused");
    drop(flyer);

    // The next flight is announced anew, and nobody vetoes it.
    scene.land().await?;
    scene.fly(200).await?;
    scene.drone.obey("land").await?;
    let commands = client.get("/api/commands").await?.expect(200).json();
    let newest = &commands[0];
    assert_eq!(
        (&newest["command"], &newest["kind"]),
        (&"land".into(), &"guard".into())
    );
    Ok(())
}

#[tokio::test]
async fn limits_refuse_moves_in_words_warn_and_land() -> anyhow::Result<()> {
    let limits = "[drones.limits]\nwarn_height_cm = 200\nland_height_cm = 300\n";
    let scene = Scene::new(&(quiet() + limits)).await?;
    let client = &scene.client;
    scene.fly(150).await?;
    let up = json!({"direction": "up", "distance": 200});
    let refused = client
        .json(Method::POST, "/api/drones/d1/move", &up)
        .await?
        .expect(503)
        .json();
    let why = refused["message"].as_str().expect("words");
    for part in [
        "height limit",
        "up 200 cm",
        "350 cm",
        "land_height_cm is 300 cm",
        "configuration",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    scene.states.show(true, 250);
    let warned = alert(client, "Flight Limit Exceeded", "d1", stands).await?;
    let words = warned["message"].as_str().expect("words");
    assert!(
        words.contains("200 cm") && words.contains("warn_height_cm"),
        "{words}"
    );
    scene.states.show(true, 350);
    alert(client, "Landing Announced", "d1", stands).await?;
    scene.drone.obey("land").await?;
    Ok(())
}

#[tokio::test]
async fn a_rule_made_by_the_api_acts_after_a_restart_as_before() -> anyhow::Result<()> {
    let mut scene = Scene::new(&quiet()).await?;
    let path = "/api/alerts/rules";
    let mut rule = json!({"name": "Wind", "metric": "drone_temperature", "operator": ">",
        "threshold": 50, "level": "critical", "action": "refuse_takeoff", "drones": ["d3"]});
    let refused = scene
        .client
        .json(Method::POST, path, &rule)
        .await?
        .expect(422)
        .text();
    assert!(refused.contains("there is no drone"), "{refused}");
    rule["drones"] = json!(["d1"]);
    let made = scene
        .client
        .json(Method::POST, path, &rule)
        .await?
        .expect(200)
        .json();
    assert_eq!(
        (&made["action"], &made["drones"]),
        (&rule["action"], &rule["drones"])
    );
    let held = |scene: &Scene| {
        let client = scene.client.clone();
        async move {
            eventually("held", || async {
                let safety = client
                    .get("/api/drones/d1/safety")
                    .await?
                    .expect(200)
                    .json();
                Ok((safety["takeoff_allowed"] == false).then_some(()))
            })
            .await
        }
    };
    held(&scene).await?;
    let why = scene.refused().await?;
    assert!(
        why.contains("rule \"Wind\": drone_temperature of d1 is 60"),
        "{why}"
    );
    scene.gateway.kill().await?;
    scene.gateway.restart().await?;
    scene.client = scene.gateway.admin()?;
    scene.until_landed().await?;
    held(&scene).await?;
    // Who knows nothing of actions changes a rule as ever, and it then has none.
    let plain = json!({"metric": "drone_temperature", "operator": ">", "threshold": 50,
        "level": "critical"});
    let put = scene
        .client
        .json(Method::PUT, "/api/alerts/rules/Wind", &plain)
        .await?
        .expect(200)
        .json();
    assert_eq!((&put["action"], &put["drones"]), (&Value::Null, &json!([])));
    scene
        .client
        .post("/api/drones/d1/takeoff")
        .await?
        .expect(200);
    Ok(())
}
