//! A gateway that stood still (stopped, frozen, starved) flies nothing that was asked
//! before: who asked gave up long ago, and the request lies in a socket's buffer.

use std::time::Duration;

use gateway_tests::simulated::fleet;
use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

/// What the gateway takes for a standstill, and what a look of its own may be late by. (It
/// is the time that a process is stopped for: nothing that could be waited for happens.)
const STOPPED_FOR: Duration = Duration::from_millis(2_600);

/// A request of a client that has its connection already.
struct Waiting {
    stream: Box<dyn gateway_tests::client::Stream>,
    text: String,
}

impl Waiting {
    async fn connected(client: &Client, what: &str, body: &str) -> anyhow::Result<Waiting> {
        let (key, length) = (client.key().unwrap_or_default(), body.len());
        let head = format!(
            "POST /api/drones/{what} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        Ok(Waiting {
            stream: client.connect().await?,
            text: head + body,
        })
    }

    /// Sends it; its client looks at it no more. (One that has left the network closes
    /// nothing.)
    async fn send(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(self.text.as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }
}

/// The newest command to that drone.
async fn newest(client: &Client, drone: &str, command: &str) -> anyhow::Result<Option<Value>> {
    let list = client.get("/api/commands").await?.expect(200).json();
    let list = list.as_array().cloned().unwrap_or_default();
    let is_it = |one: &Value| one["drone_id"] == drone && one["command"] == command;
    Ok(list.into_iter().find(is_it))
}

async fn takes_off(client: &Client, drone: &str) -> anyhow::Result<()> {
    let path = format!("/api/drones/{drone}/takeoff?wait=true");
    eventually("it takes off", || async {
        let answer = client.post(&path).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await
}

/// Stops the process: on a busy machine its threads run on for a while after the signal.
async fn stop(gateway: &Gateway) -> anyhow::Result<()> {
    gateway.signal("STOP").await?;
    let tasks = format!("/proc/{}/task", gateway.pid().unwrap_or_default());
    eventually("every thread is stopped", || async {
        for task in std::fs::read_dir(&tasks)? {
            let status = std::fs::read_to_string(task?.path().join("status"))?;
            if !status.contains("State:\tT") {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}

#[tokio::test]
async fn a_gateway_that_stood_still_flies_nothing_that_was_asked_before_and_lands_what_flies()
-> anyhow::Result<()> {
    let (gateway, drones) = fleet(2).await?;
    let client = gateway.admin()?;
    takes_off(&client, "d3").await?;
    let mut waiting = Vec::new();
    for (what, body) in [
        ("d2/takeoff", ""),
        ("d3/move", r#"{"direction": "up", "distance": 100}"#),
        ("d3/land", ""),
    ] {
        waiting.push(Waiting::connected(&client, what, body).await?);
    }

    stop(&gateway).await?;
    for request in &mut waiting {
        request.send().await?;
    }
    tokio::time::sleep(STOPPED_FOR).await;
    gateway.signal("CONT").await?;

    for (drone, command) in [("d2", "takeoff"), ("d3", "up 100")] {
        let judged = eventually("it is judged", || newest(&client, drone, command)).await?;
        let why = judged["why"].as_str().unwrap_or_default();
        assert_eq!(judged["state"], "refused", "{judged:#}");
        assert!(why.contains("stood still for"), "{judged:#}");
    }
    eventually("it is told to land", || async {
        Ok((drones.count("land") > 0).then_some(()))
    })
    .await?;
    let obeyed = drones.obeyed();
    assert_eq!(
        obeyed.iter().filter(|text| *text != "land").count(),
        1,
        "{obeyed:?}"
    );
    // Who asks again, a while later, is heard.
    takes_off(&client, "d2").await?;
    gateway.says("the gateway stood still").await
}
