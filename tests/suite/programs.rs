//! What public Tello programs send, caught on the wire, through the gateway's `command`
//! action to drones of every SDK: each is taken, or refused with the SDK that it needs.

use gateway_tests::{Client, Gateway, Simulated, eventually, spare_port};
use http::Method;
use serde_json::{Map, Value, json};
use tello::catalog::{Effect, entry};
use tello::command::{Command, Direction};

use crate::cross_config::repository;

/// Id, address and SDK of the drones.
pub(super) const DRONES: [(&str, &str, &str); 3] = [
    ("plain", "127.0.0.2", "1.3"),
    ("edu", "127.0.0.3", "2.0"),
    ("tt", "127.0.0.4", "3.0"),
];

/// What a text of the SDK is to the gateway.
enum Known {
    /// This body of `POST …/command`.
    Body(Value),
    /// Nothing that a client asks for: the gateway does it, or nobody may.
    Nobodys,
}

/// The body for a text, as the documentation has it (centimetres).
fn known(text: &str) -> Known {
    let words: Vec<&str> = text.split(' ').collect();
    let direction = |word: &str| Direction::ALL.into_iter().find(|one| one.word() == word);
    let body = |kind: &str, parameters: Value| {
        Known::Body(json!({"type": kind, "parameters": parameters}))
    };
    match words[..] {
        ["takeoff" | "land" | "stop" | "emergency"] => body(words[0], json!({})),
        ["streamon"] => Known::Body(json!({"command": "start_streaming"})),
        ["streamoff"] => Known::Body(json!({"command": "stop_streaming"})),
        ["cw", angle] => body(
            "rotate",
            json!({"direction": "clockwise", "angle": number(angle)}),
        ),
        ["ccw", angle] => body(
            "rotate",
            json!({"direction": "counterclockwise", "angle": number(angle)}),
        ),
        [word, distance] if direction(word).is_some() => body(
            "move",
            json!({"direction": word, "distance": number(distance)}),
        ),
        ["EXT", ..] => body("ext", json!({"text": text[4..]})),
        [question] if Command::parse(question).is_ok_and(|c| matches!(c, Command::Read(_))) => {
            body("ask", json!({"what": question}))
        }
        [word, ref values @ ..] if entry(word).is_some() => {
            let names = entry(word).into_iter().flat_map(|entry| entry.parameters);
            let given = names.zip(values).map(|(parameter, value)| {
                let value = match value.parse::<i32>() {
                    Ok(number) => number.into(),
                    Err(_) => Value::from(*value),
                };
                (parameter.name.to_owned(), value)
            });
            body(word, Value::Object(given.collect::<Map<_, _>>()))
        }
        _ => Known::Nobodys,
    }
}

fn number(text: &str) -> i32 {
    text.parse().unwrap()
}

/// SDK mode, sticks, Wi-Fi, ports: what has a way of its own, or none.
const NOBODYS: &[&str] = &[
    "command",
    "rc",
    "wifi",
    "ap",
    "port",
    "keepalive",
    "downvision",
    "active?",
];

/// (A program waits for its turn as well: what is asked while others wait is asked again.)
async fn told(client: &Client, drone: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
    let path = format!("/api/drones/{drone}/command");
    eventually("its turn", async || {
        let answer = client.json(Method::POST, &path, body).await?;
        let said = answer.json();
        let words = said["message"].as_str().unwrap_or_default();
        let waits = words.contains("too many commands wait") || words.contains("its turn did not");
        Ok((!waits).then(|| (answer.status.into(), said)))
    })
    .await
}

/// What came of a command. One that was told to restart answers no question for some seconds.
async fn answered(
    client: &Client,
    drone: &str,
    command: Command,
    body: &Value,
) -> anyhow::Result<(u16, Value)> {
    let is_read = matches!(command, Command::Read(_));
    eventually("it answers", || async {
        let (status, said) = told(client, drone, body).await?;
        Ok((status != 503 || !is_read).then_some((status, said)))
    })
    .await
}

/// What needs proof of the ground waits for the states that are that.
fn waits_for_ground(command: Command) -> bool {
    match command {
        Command::Takeoff => true,
        Command::Listed(listed) => matches!(
            listed.entry().effect,
            Effect::TakesOff | Effect::Idles(_) | Effect::Restarts
        ),
        _ => false,
    }
}

/// Gives one text to one drone, whose major SDK version that is.
async fn give(client: &Client, (drone, sdk): (&str, u8), text: &str) -> anyhow::Result<()> {
    let Known::Body(body) = known(text) else {
        let word = text.split(' ').next().unwrap_or_default();
        assert!(NOBODYS.contains(&word), "{text} has no way");
        let (status, said) = told(client, drone, &json!({"type": word})).await?;
        assert_eq!(status, 400, "{drone}: {text}: {said}");
        // Each by its name, and with what is done in its place or why nobody does it.
        let words = said["message"].as_str().unwrap_or_default();
        let is_said = ["is not passed on: ", "is done by "]
            .iter()
            .any(|how| words.contains(how));
        assert!(
            words.contains(&format!("`{word}`")) && is_said,
            "{drone}: {text}: {said}"
        );
        return Ok(());
    };
    let command = Command::parse(text).unwrap();
    if command.since_sdk() > sdk {
        let (status, said) = told(client, drone, &body).await?;
        let words = said["message"].to_string();
        assert_eq!(
            (status, &said["error_code"]),
            (400, &"NOT_SUPPORTED".into()),
            "{text}: {said}"
        );
        let (needs, has) = (command.since_sdk(), ["", "SDK 1.3", "SDK 2.0", "SDK 3.0"]);
        assert!(words.contains(&format!("SDK {needs}.0")), "{text}: {said}");
        assert!(words.contains(has[usize::from(sdk)]), "{text}: {said}");
        return Ok(());
    }
    if waits_for_ground(command) {
        return eventually("it is taken", || async {
            let (status, said) = told(client, drone, &body).await?;
            anyhow::ensure!([200, 503].contains(&status), "{drone}: {text}: {said}");
            Ok((status == 200).then_some(()))
        })
        .await;
    }
    let (status, said) = answered(client, drone, command, &body).await?;
    // A pad that is out of sight is the drone's to refuse, in its words.
    let over_pad = matches!(command, Command::Listed(listed) if listed.over_pad());
    if over_pad && status == 503 {
        assert!(
            said["message"].to_string().contains("error"),
            "{text}: {said}"
        );
        return Ok(());
    }
    if matches!(command, Command::Read(_)) {
        let words = said["message"].as_str().unwrap_or_default();
        assert!(words.contains("answered: "), "{drone}: {text}: {said}");
    }
    // Nobody lands what landed, and that is said.
    assert_eq!(status, 200, "{drone}: {text}: {said}");
    Ok(())
}

async fn session(client: &Client, drone: (&str, u8), texts: &[&str]) -> anyhow::Result<()> {
    for text in texts {
        // (Thrown, it is in the air: what comes after it in the list is for the ground.)
        if *text == "emergency" && drone.1 >= 3 {
            give(client, drone, "land").await?;
        }
        give(client, drone, text).await?;
    }
    Ok(())
}

/// A gateway with one drone of each SDK.
pub(super) async fn scene() -> anyhow::Result<(Gateway, Simulated)> {
    let port = spare_port().to_string();
    // Of three, each has another firmware.
    let arguments = ["--drones", "3", "--command-port", &port, "--battery", "100"];
    let drones = Simulated::start(&arguments).await?;
    let mut lines = format!("command_port = {port}\n");
    for (id, address, _) in DRONES {
        lines.push_str(&format!(
            "[[drones.drone]]\nid = \"{id}\"\nmode = \"real\"\naddress = \"{address}\"\n"
        ));
    }
    let gateway = Gateway::builder().drones(&lines).start().await?;
    let client = gateway.reader()?;
    for (id, _, sdk) in DRONES {
        let path = format!("/api/drones/{id}/status");
        eventually("it said what SDK it has", || async {
            let shown = client.get(&path).await?.expect(200).json();
            let found = shown["real_drone_info"]["firmware_version"].clone();
            let is_it = match sdk {
                "1.3" => found == "1.3" || shown["connection_status"] == "connected",
                "2.0" => found == "20",
                _ => found == "30",
            };
            Ok(is_it.then_some(()))
        })
        .await?;
    }
    Ok((gateway, drones))
}

#[tokio::test]
async fn what_public_programs_send_is_taken_or_refused_by_the_sdk_that_it_needs()
-> anyhow::Result<()> {
    let text = std::fs::read_to_string(repository("tests/data/tello/programs.tsv"))?;
    let rows: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .collect();
    assert!(rows.len() > 80, "{}", rows.len());
    let (gateway, _drones) = scene().await?;
    let client = gateway.admin()?;
    // The oldest is known to be so once it was asked in vain.
    eventually("the plain one is known", || async {
        let (status, _) = told(&client, "plain", &json!({"type": "mon"})).await?;
        Ok((status == 400).then_some(()))
    })
    .await?;
    for program in ["djitellopy", "easytello", "xg590"] {
        let own = rows.iter().filter(|(of, _)| *of == program);
        let texts: Vec<&str> = own.map(|(_, text)| *text).collect();
        assert!(!texts.is_empty(), "{program}");
        let each = DRONES.iter().zip(1_u8..);
        let flights = each.map(|((id, _, _), sdk)| session(&client, (id, sdk), &texts));
        futures_util::future::try_join_all(flights).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_program_asks_beyond_the_limits_is_refused_with_the_limit() -> anyhow::Result<()> {
    let (gateway, drones) = scene().await?;
    let client = gateway.admin()?;
    for (text, limit) in [
        ("forward 700", "0.2 to 5 m"),
        ("up 10", "0.2 to 5 m"),
        ("cw 720", "1 to 360"),
        ("speed 5", "10 to 100"),
        ("go 600 0 0 50", "-500 to 500"),
        ("go 100 0 0 200", "10 to 100"),
        ("go 10 10 10 50", "20 cm"),
        ("curve 50 0 0 100 0 0 40", "go"),
        ("curve 50 50 0 100 0 0 90", "10 to 60"),
        ("setbitrate 9", "0 to 5"),
    ] {
        let Known::Body(body) = known(text) else {
            anyhow::bail!("{text} is known");
        };
        let (status, said) = told(&client, "tt", &body).await?;
        assert_eq!(status, 400, "{text}: {said}");
        assert!(
            said["message"].to_string().contains(limit),
            "{text}: {said}"
        );
    }
    assert_eq!(drones.obeyed(), Vec::<String>::new());
    Ok(())
}
