//! A flight as the guides of public Tello programs have them, in the SDK's words, by every
//! way in: the route of each command's name, the WebSocket and the command line.
//! To drones of every SDK, which must hear the same whoever spoke.

use anyhow::Context as _;
use gateway_tests::{Client, Gateway, WebSocket, eventually};
use http::Method;
use serde_json::{Map, Value, json};
use tello::catalog::{Entry, Kind, Unit, entry};

use crate::programs::{DRONES, scene};

/// The flight: a take-off and a landing take their time, so there is one. No wait in it is
/// over 15 s.
const FLIGHT: &[&str] = &[
    "battery?",
    "wifi?",
    "sn?",
    "setfps middle",
    "setbitrate 3",
    "setresolution low",
    "EXT led 0 255 0",
    "EXT mled s r A",
    "EXT tof?",
    "mon",
    "mdirection 0",
    "takeoff",
    "go 0 0 80 60 m1",
    "jump 0 0 80 60 0 m1 m2",
    "jump 0 0 80 60 0 m2 m1",
    "go 0 0 80 60 m7",
    "moff",
    "forward 20",
    "cw 90",
    "ccw 90",
    "flip l",
    "flip b",
    "speed 100",
    "go 30 0 30 100",
    "curve 50 50 0 100 0 0 60",
    "curve 50 0 0 100 0 0 40",
    // Back to where it began: the next one flies over the same pad.
    "go -150 0 0 100",
    "land",
];

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Route,
    Socket,
    Line,
}

/// (What `POST …/command` takes in centimetres is `programs.rs`'s.)
const WAYS: [Way; 3] = [Way::Route, Way::Socket, Way::Line];

/// A text of the SDK as the gateway names it: command, values by name, and what a length
/// of the values counts.
struct Named {
    command: &'static str,
    values: Vec<(&'static str, Value, bool)>,
}

fn named(text: &'static str) -> Named {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let amount = || rest.parse::<i32>().unwrap_or_default();
    let (command, values) = match word {
        "takeoff" | "land" => (word, vec![]),
        "cw" => (
            "rotate",
            vec![
                ("direction", "clockwise".into(), false),
                ("angle", amount().into(), false),
            ],
        ),
        "ccw" => (
            "rotate",
            vec![
                ("direction", "counter_clockwise".into(), false),
                ("angle", amount().into(), false),
            ],
        ),
        "EXT" => ("ext", vec![("text", rest.into(), false)]),
        _ if word.ends_with('?') => (
            "ask",
            vec![("what", word.trim_end_matches('?').into(), false)],
        ),
        _ => match entry(word) {
            Some(entry) => (word, of_table(entry, rest)),
            None => (
                "move",
                vec![
                    ("direction", word.into(), false),
                    ("distance", amount().into(), true),
                ],
            ),
        },
    };
    Named { command, values }
}

fn of_table(entry: &'static Entry, rest: &'static str) -> Vec<(&'static str, Value, bool)> {
    let values = entry.parameters.iter().zip(rest.split_ascii_whitespace());
    let named = values.map(|(parameter, word)| {
        let value = parameter.kind.of_name(word).expect("of the SDK");
        let (value, is_length) = match parameter.kind {
            Kind::Choice(choices) => (choices[value as usize].0.into(), false),
            Kind::Number { unit, .. } => (
                value.into(),
                matches!(unit, Unit::Centimetres | Unit::CentimetresPerSecond),
            ),
            Kind::Pad { .. } => (value.into(), false),
        };
        (parameter.name, value, is_length)
    });
    named.collect()
}

impl Named {
    /// The values, a length divided by that.
    fn body(&self, per: f64) -> Value {
        let values = self.values.iter().map(|(name, value, is_length)| {
            let in_metres = *is_length && per != 1.0;
            let value = match value.as_f64().filter(|_| in_metres) {
                Some(length) => json!(length / per),
                None => value.clone(),
            };
            ((*name).to_owned(), value)
        });
        Value::Object(values.collect::<Map<_, _>>())
    }
}

/// The words of the command line for a text.
fn line(text: &'static str) -> Vec<String> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    if word == "EXT" {
        return words(&format!("ext {rest}"));
    }
    if let Some(what) = text.strip_suffix('?') {
        return words(&format!("ask {what}"));
    }
    let Some(entry) = entry(word).filter(|entry| entry.parameters.len() > 1) else {
        let named = named(text);
        return match entry(word) {
            Some(_) => {
                let values = named.values.iter().map(|(_, value, _)| plain(value));
                std::iter::once(word.to_owned()).chain(values).collect()
            }
            None => words(text),
        };
    };
    let mut line = vec![word.to_owned()];
    for (parameter, (name, value, _)) in entry.parameters.iter().zip(of_table(entry, rest)) {
        let is_place = matches!(
            parameter.kind,
            Kind::Number {
                unit: Unit::Centimetres,
                ..
            }
        );
        if !is_place {
            line.push(format!("--{name}"));
        }
        line.push(plain(&value));
    }
    line
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Who speaks by one of the ways.
struct Speaker<'a> {
    gateway: &'a Gateway,
    client: &'a Client,
}

impl Speaker<'_> {
    /// Gives one text by one way, and waits for its end; whether it was done, and the words
    /// of the answer.
    async fn give(
        &self,
        way: Way,
        socket: &mut WebSocket,
        drone: &str,
        text: &'static str,
    ) -> anyhow::Result<(bool, String)> {
        let named = named(text);
        let post = async |path: String, body: Value| {
            let answer = self.client.json(Method::POST, &path, &body).await?;
            anyhow::Ok((answer.status == 200, answer.text()))
        };
        match way {
            Way::Route => {
                post(
                    format!("/api/drones/{drone}/{}?wait=true", named.command),
                    named.body(1.0),
                )
                .await
            }
            Way::Socket => {
                let message = json!({
                    "type": "command", "drone_id": drone, "command": named.command,
                    "params": as_older(&named, named.body(100.0)), "wait": true, "request_id": text,
                });
                socket.send(&message.to_string()).await?;
                loop {
                    let said = socket.next().await?;
                    if said["request_id"] == text {
                        return Ok((said["type"] == "command_result", said.to_string()));
                    }
                }
            }
            Way::Line => {
                let words = line(text);
                let mut all = vec!["fly", drone];
                all.extend(words.iter().map(String::as_str));
                let output = self.gateway.command(&all).output().await?;
                let said =
                    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                Ok((output.status.success(), said))
            }
        }
    }
}

/// Of its own commands `/command` has older names for some values; and in metres a take-off
/// has a height, which is here the one that it reaches anyway.
fn as_older(named: &Named, mut body: Value) -> Value {
    if named.command == "takeoff" {
        body["altitude"] = 0.8.into();
    }
    if named.command == "rotate" && body["direction"] == "counter_clockwise" {
        body["direction"] = "counterclockwise".into();
    }
    body
}

/// What an end is by: done, this drone's SDK, no path, or the drone's own refusal.
fn verdict((is_done, said): &(bool, String)) -> &'static str {
    match () {
        () if *is_done => "done",
        () if said.contains("needs SDK") => "not in its SDK",
        () if said.contains("use `go`") => "no path",
        () if said.contains("refused") => "refused by the drone",
        () => "another",
    }
}

#[tokio::test]
async fn a_flight_is_the_same_by_every_way_in() -> anyhow::Result<()> {
    let (gateway, drones) = scene().await?;
    let client = gateway.admin()?;
    // The oldest is known to be so once it was asked in vain.
    eventually("the plain one is known", || async {
        let answer = client.post("/api/drones/plain/mon").await?;
        Ok((answer.status == 400).then_some(()))
    })
    .await?;
    let each = DRONES.map(|(id, address, _)| {
        let (gateway, client, drones) = (&gateway, &client, &drones);
        async move {
            let speaker = Speaker { gateway, client };
            let mut before: Option<(Vec<&str>, Vec<String>)> = None;
            for way in WAYS {
                // (One that nobody reads for long is cut off; who hung up is missed.)
                let mut socket = WebSocket::open(client, "/ws", &[]).await?;
                let heard = drones.obeyed_by(&format!("{address}:")).len();
                let mut ends = Vec::new();
                for text in FLIGHT {
                    if *text == "takeoff" {
                        rests(client, id).await?;
                    }
                    let said = speaker.give(way, &mut socket, id, text).await;
                    let said = said.with_context(|| format!("{way:?} {text}"))?;
                    let end = verdict(&said);
                    // Of its own accord a drone refuses a pad that it does not see.
                    let is_meant = end != "refused by the drone" || text.ends_with(" m7");
                    let words = &said.1;
                    assert!(is_meant && end != "another", "{way:?} {id} {text}: {words}");
                    ends.push(end);
                }
                let obeyed = drones.obeyed_by(&format!("{address}:")).split_off(heard);
                let this = (ends, obeyed);
                if let Some(before) = &before {
                    assert_eq!(before, &this, "{id} by {way:?}");
                }
                before = Some(this);
            }
            anyhow::Ok(())
        }
    });
    futures_util::future::try_join_all(each).await?;
    Ok(())
}

/// A take-off needs the ground, and states that prove it.
async fn rests(client: &Client, drone: &str) -> anyhow::Result<()> {
    let path = format!("/api/drones/{drone}/status");
    eventually("it is on the ground", || async {
        let status = client.get(&path).await?.expect(200).json();
        let rests = status["flight_status"] == "landed" && status["flight_status_known"] == true;
        Ok(rests.then_some(()))
    })
    .await
}
