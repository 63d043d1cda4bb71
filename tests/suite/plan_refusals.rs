//! One drone of a plan refuses, at each step in turn and under each policy, through the
//! real program to simulated drones: what becomes of it, of the other one, and of the plan.

use std::sync::Arc;

use gateway_tests::{Client, Flyer, Gateway, Simulated, eventually, spare_port};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Indices of the steps that a drone can refuse, with what is told then.
const STEPS: [(usize, &str); 3] = [(0, "takeoff"), (2, "left 50"), (4, "land")];

/// Two drones that rise, wait, move apart, wait and land. (A drone is told to refuse while it
/// waits: the move before is over then, and the next one not yet told.)
fn plan(on_failure: &str, refuses: &str, other: &str) -> Value {
    let both = [refuses, other];
    let wait = json!({"drones": both, "command": "wait", "seconds": 8, "on_failure": on_failure});
    json!({"name": on_failure, "steps": [
        {"drones": both, "command": "takeoff", "on_failure": on_failure},
        wait,
        {"on_failure": on_failure, "together": [
            {"drones": [refuses], "command": "move", "direction": "left", "distance": 50},
            {"drones": [other], "command": "move", "direction": "right", "distance": 50},
        ]},
        wait,
        {"drones": both, "command": "land", "on_failure": on_failure},
    ]})
}

/// Where all of it happens: pairs of drones, one for each step.
struct Scene {
    gateway: Gateway,
    client: Client,
    flyer: Flyer,
    drones: Mutex<Simulated>,
}

impl Scene {
    async fn new() -> anyhow::Result<Arc<Scene>> {
        let port = spare_port().to_string();
        let number = (STEPS.len() * 2).to_string();
        let arguments = ["--drones", &number, "--battery", "100", "--sdk", "2.0"];
        let arguments = [&arguments[..], &["--command-port", &port]].concat();
        let drones = Simulated::start(&arguments).await?;
        let count = STEPS.len() * 2;
        let mut lines = format!("command_port = {port}\n");
        for host in 2..count + 2 {
            lines.push_str(&format!(
                "[[drones.drone]]\nid = \"d{host}\"\nmode = \"real\"\naddress = \"127.0.0.{host}\"\n"
            ));
        }
        let gateway = Gateway::builder().drones(&lines).start().await?;
        let client = gateway.admin()?;
        let flyer = Flyer::open(&client).await?;
        for host in 2..count + 2 {
            let id = format!("d{host}");
            is_down(&client, &id).await?;
            let path = format!("/api/drones/{id}/control");
            flyer.client().post(&path).await?.expect(200);
        }
        Ok(Arc::new(Scene {
            gateway,
            client,
            flyer,
            drones: Mutex::new(drones),
        }))
    }

    /// Has the drone of that host refuse its next manoeuvre.
    async fn refuse(&self, host: usize) -> anyhow::Result<()> {
        let mut drones = self.drones.lock().await;
        let said = format!("127.0.0.{host}:");
        let heard = |drones: &Simulated| {
            let log = drones.log();
            let lines = log.lines();
            lines
                .filter(|line| line.contains("refuses its next") && line.contains(&said))
                .count()
        };
        let before = heard(&drones);
        drones.order(&format!("refuse {}", host - 1)).await?;
        eventually("it will refuse", || async {
            Ok((heard(&drones) > before).then_some(()))
        })
        .await
    }

    /// What the drone of that host obeyed.
    async fn obeyed(&self, host: usize) -> Vec<String> {
        self.drones
            .lock()
            .await
            .obeyed_by(&format!("127.0.0.{host}:"))
    }

    async fn plan_when(&self, id: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let path = format!("/api/plans/{id}");
        eventually("the plan is as it should be", || async {
            let plan = self.client.get(&path).await?.expect(200).json();
            Ok(is(&plan).then_some(plan))
        })
        .await
    }

    /// Flies the plan on a pair whose first drone refuses at that step; how it is when it is
    /// over, or hovers.
    async fn fly(&self, on_failure: &str, host: usize, step: usize) -> anyhow::Result<Value> {
        if step == 0 {
            self.refuse(host).await?;
        }
        let plan = plan(on_failure, &format!("d{host}"), &format!("d{}", host + 1));
        let answer = self
            .flyer
            .client()
            .json(Method::POST, "/api/plans", &plan)
            .await?;
        let begun = answer.expect(200).json();
        let id = begun["plan_id"].as_str().unwrap_or_default().to_owned();
        if step > 0 {
            // (Steps count from one: this is the wait before it.)
            self.plan_when(&id, |plan| plan["step"] == step).await?;
            self.refuse(host).await?;
        }
        self.plan_when(&id, |plan| {
            plan["ended_at"].is_string() || plan["state"] == "hovers"
        })
        .await
    }
}

async fn is_down(client: &Client, id: &str) -> anyhow::Result<()> {
    let path = format!("/api/drones/{id}/status");
    eventually("it is proven to be on the ground", || async {
        let status = client.get(&path).await?.expect(200).json();
        let is_it = status["flight_status"] == "landed" && status["flight_status_known"] == true;
        Ok(is_it.then_some(()))
    })
    .await
}

/// What is expected of one pair.
async fn judge(scene: Arc<Scene>, on_failure: &str, pair: usize) -> anyhow::Result<()> {
    let (step, told) = STEPS[pair];
    let host = 2 + 2 * pair;
    let over = scene.fly(on_failure, host, step).await?;
    let about = format!("{on_failure}, {told}: {over}");
    let row = |index: usize| over["steps"][step]["drones"][index]["state"].clone();
    // A landing that was refused is tried again, and done in the end: nothing has failed.
    if told == "land" {
        assert_eq!(over["state"], "done", "{about}");
        assert_eq!((row(0), row(1)), ("done".into(), "done".into()), "{about}");
    } else {
        assert_eq!(row(0), "failed", "{about}");
        assert!(
            over["why"].as_str().is_some_and(|why| why.contains(told)),
            "{about}"
        );
        match on_failure {
            "land" => assert_eq!(over["state"], "failed", "{about}"),
            "go_on" => assert_eq!(over["state"], "done", "{about}"),
            _ => {
                assert_eq!(over["state"], "hovers", "{about}");
                let id = over["plan_id"].as_str().unwrap_or_default();
                let path = format!("/api/plans/{id}/resume");
                scene.flyer.client().post(&path).await?.expect(200);
                let done = scene
                    .plan_when(id, |plan| plan["ended_at"].is_string())
                    .await?;
                assert_eq!(done["state"], "done", "{done}");
            }
        }
    }
    flown(&scene, (on_failure, told), host, &about).await
}

/// Both are on the ground, and each was told what belongs to the policy.
async fn flown(
    scene: &Scene,
    (on_failure, told): (&str, &str),
    host: usize,
    about: &str,
) -> anyhow::Result<()> {
    // Both are on the ground, whatever came between; who refused was flown no further.
    for id in [format!("d{host}"), format!("d{}", host + 1)] {
        is_down(&scene.client, &id).await?;
    }
    // (A landing that is refused is tried again after a stop.)
    let mut mine = scene.obeyed(host).await;
    mine.retain(|text| text != "stop");
    let theirs = scene.obeyed(host + 1).await;
    let told_them = |word: &str| theirs.iter().filter(|text| *text == word).count();
    let as_text = |upto: &[&str]| {
        upto.iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let (expected, of_other) = match (told, on_failure) {
        ("land", _) => (as_text(&["takeoff", "left 50", "land"]), 1),
        ("left 50", policy) => (
            as_text(&["takeoff", "land"]),
            usize::from(policy == "go_on"),
        ),
        (_, policy) => (Vec::new(), usize::from(policy != "land")),
    };
    assert_eq!(mine, expected, "{about}");
    // (One that is stopped on its way had begun it, and does not fly it a second time.)
    match (told, on_failure) {
        ("left 50", "land" | "hover") => assert!(told_them("right 50") <= 1, "{theirs:?}: {about}"),
        _ => assert_eq!(told_them("right 50"), of_other, "{theirs:?}: {about}"),
    }
    // (Where the first refused its take-off, the other may not have been told to make one.)
    if told != "takeoff" || told_them("takeoff") > 0 {
        let last = theirs.last().map(String::as_str);
        assert_eq!(last, Some("land"), "{theirs:?}: {about}");
    }
    Ok(())
}

async fn at_each_step(on_failure: &'static str) -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let pairs = (0..STEPS.len()).map(|pair| judge(scene.clone(), on_failure, pair));
    futures_util::future::try_join_all(pairs).await?;
    scene.gateway.says(&format!("({on_failure}): ")).await
}

#[tokio::test]
async fn who_refuses_at_any_step_lands_and_the_others_land() -> anyhow::Result<()> {
    at_each_step("land").await
}

#[tokio::test]
async fn who_refuses_at_any_step_lands_and_the_others_hover_until_somebody_decides()
-> anyhow::Result<()> {
    at_each_step("hover").await
}

#[tokio::test]
async fn who_refuses_at_any_step_lands_and_the_others_go_on() -> anyhow::Result<()> {
    at_each_step("go_on").await
}
