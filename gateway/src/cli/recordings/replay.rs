//! `recordings replay`: a recording played as a drone on the wire, over real UDP.
//!
//! Waits until a gateway speaks to it, as a drone does; then sends the states at the pace
//! of the recording, and answers what it is told as the drone answered then. It does not
//! obey: what flies is over.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use https::port_holder::{self, Protocol};
use recording::{Kind, Reader};
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use crate::cli::args::ReplayArgs;

/// Longest command that is read: what is longer is none.
const MAX_COMMAND_BYTES: usize = 1024;

/// What is played.
struct Script {
    /// When, and which state.
    states: Vec<(u64, Vec<u8>)>,
    /// What the drone answered to each command, in order.
    answers: HashMap<String, VecDeque<String>>,
}

pub(super) async fn replay(args: &ReplayArgs, file: File) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.speed.is_finite() && args.speed > 0.0,
        "--speed must be above 0"
    );
    let mut script = read(file)?;
    let first = script.states.first().context("it holds no state")?.0;
    let at = SocketAddr::new(args.address, args.command_port);
    let socket = UdpSocket::bind(at).await.map_err(|error| {
        let keys = ["--command-port", "--address"];
        let holder = || port_holder::port_holder(Protocol::Udp, at).map(|held| held.to_string());
        anyhow::anyhow!(port_holder::advice(Protocol::Udp, at, &error, keys, holder))
    })?;
    let to = SocketAddr::new(args.gateway, args.state_port);
    eprintln!(
        "The drone at {at} waits for its gateway; it plays {} states to {to}.",
        script.states.len()
    );
    answer(&socket, &mut script.answers).await?;
    let start = Instant::now();
    for (at_us, state) in &script.states {
        let after = Duration::from_micros(at_us - first).div_f64(args.speed);
        let due = sleep_until(start + after);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => break,
                answered = answer(&socket, &mut script.answers) => answered?,
            }
        }
        socket
            .send_to(state, to)
            .await
            .with_context(|| format!("no state can be sent to {to}"))?;
    }
    eprintln!("Played.");
    Ok(())
}

/// Hears one command and answers it.
async fn answer(
    socket: &UdpSocket,
    answers: &mut HashMap<String, VecDeque<String>>,
) -> anyhow::Result<()> {
    let mut buffer = [0; MAX_COMMAND_BYTES];
    let (length, from) = match socket.recv_from(&mut buffer).await {
        Ok(heard) => heard,
        // The gateway's port was shut a moment ago: it may be there again.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Ok(()),
        Err(error) => return Err(error).context("nothing can be heard"),
    };
    let command = String::from_utf8_lossy(&buffer[..length]).trim().to_owned();
    let recorded = answers.get_mut(&command).and_then(VecDeque::pop_front);
    // A question that nobody recorded is not known to this drone; the rest it takes.
    let answer = recorded.unwrap_or_else(|| match command.ends_with('?') {
        true => "error".to_owned(),
        false => "ok".to_owned(),
    });
    eprintln!("heard {command:?}, answered {answer:?}");
    let sent = socket.send_to(answer.as_bytes(), from).await;
    sent.map(drop)
        .with_context(|| format!("no answer can be sent to {from}"))
}

/// What is played, of a recording up to where it can be read.
fn read(file: File) -> anyhow::Result<Script> {
    let mut reader = Reader::new(file)?;
    let mut script = Script {
        states: Vec::new(),
        answers: HashMap::new(),
    };
    loop {
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(error) => {
                eprintln!("warning: {error}; what is before it is played");
                break;
            }
        };
        match record.kind() {
            Some(Kind::State) => script.states.push((record.at_us, record.payload)),
            Some(Kind::Event) => {
                let event: Value = serde_json::from_slice(&record.payload).unwrap_or_default();
                if let Some((command, answer)) = answered(&event["values"], &event["why"]) {
                    script.answers.entry(command).or_default().push_back(answer);
                }
            }
            _ => {}
        }
    }
    script.states.sort_by_key(|(at_us, _)| *at_us);
    Ok(script)
}

/// What the drone said to a command, if this event is that it did.
fn answered(values: &Value, why: &Value) -> Option<(String, String)> {
    let answer = match values["state"].as_str()? {
        "answered" | "confirmed" => "ok",
        "refused" => why.as_str()?.strip_prefix("the drone refused: ")?,
        _ => return None,
    };
    Some((values["command"].as_str()?.to_owned(), answer.to_owned()))
}
