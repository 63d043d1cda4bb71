//! A whole gateway in this process: a task of it is ended, and its health watched.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::start::Running;
use super::*;
use crate::settings::Inputs;
use crate::sources::sink::ReadingSink as _;
use crate::sources::vehicles::Vehicles;

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("bound").port()
}

/// The body of `GET path`, asked with the key `key`.
async fn get(at: SocketAddr, path: &str, key: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// Settings of a gateway in `dir` that listens on these ports, with `more` lines.
fn settings(dir: &std::path::Path, https: u16, http: u16, more: &str) -> Settings {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{https}\"\nhttp_listen = \"127.0.0.1:{http}\"\n\
         [storage]\ndir = \"{dir}\"\n[logging]\ndir = \"{dir}/log\"\n[board]\nenabled = false\n{more}",
        dir = dir.display()
    );
    let file = dir.join("gateway.toml");
    std::fs::write(&file, text).expect("written");
    Settings::resolve(&Inputs {
        file: Some(file),
        ..Inputs::default()
    })
    .expect("good settings")
}

/// The first call of a webhook, answered with 200.
async fn first_call(receiver: TcpListener) -> String {
    let (mut stream, _) = receiver.accept().await.expect("called");
    let mut call = String::new();
    let mut buffer = [0; 4096];
    while !call.contains("Start Check") {
        let read = stream.read(&mut buffer).await.expect("read");
        assert!(read > 0, "{call}");
        call.push_str(std::str::from_utf8(&buffer[..read]).expect("text"));
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await.expect("answered");
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_of_the_first_sample_is_notified_although_the_channels_start_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let receiver = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let hook = receiver.local_addr().expect("bound");
    let more = format!(
        "[[alerts.rule]]\nname = \"Start Check\"\nmetric = \"temperature\"\noperator = \">\"\n\
         threshold = 10.0\nlevel = \"warning\"\ntype = \"system\"\nfor_s = 0\n\
         [[notify.webhook]]\nname = \"hook\"\nurl = \"http://{hook}/\"\nsecret = \"secret\"\n"
    );
    let settings = settings(dir.path(), 0, 0, &more);
    let core = core::Core::open(&settings).await.expect("it opens");
    let reading = readings::Reading::plausible(readings::Metric::Temperature, 50.0);
    let mut events = core.alerts.subscribe();
    core.pipeline
        .publish(core.board_source, &[reading.expect("plausible")]);
    // It is durable before any channel is open.
    events.recv().await.expect("raised");
    let nobody = Vehicles::default();
    let _edges = edges::Edges::open(settings.config(), &core, &nobody)
        .await
        .expect("it opens");
    let limit = Duration::from_secs(30);
    let call = tokio::time::timeout(limit, first_call(receiver)).await;
    let call = call.expect("what was found at the start is told");
    assert!(call.contains("raised"), "{call}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_ended_stands_in_health_and_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (https, http) = (free_port().await, free_port().await);
    let settings = settings(dir.path(), https, http, "");
    let running = Running::start(&settings).await.expect("it starts");
    let key = running.admin_key().expect("made by this start");
    let at = SocketAddr::from(([127, 0, 0, 1], http));
    let not_running = async || {
        let health = get(at, "/api/health/detailed", &key).await;
        health["not_running"].as_array().expect("a list").clone()
    };
    let backend = async || get(at, "/api/system/health", &key).await["services"]["backend"].clone();
    assert_eq!(not_running().await, Vec::<serde_json::Value>::new());
    assert_eq!(backend().await["status"], "up");

    let down = async {
        let (mut listed, mut degraded) = (false, None);
        while !listed || degraded.is_none() {
            let names = not_running().await;
            // On a busy machine it may be back before both were asked.
            if names.is_empty() {
                running.supervisor().kill("bridge lamps");
            }
            listed |= names == ["bridge lamps"];
            degraded = degraded.or(Some(backend().await).filter(|now| now["status"] != "up"));
        }
        degraded.expect("asked until it is")
    };
    let limit = Duration::from_secs(30);
    let seen = tokio::time::timeout(limit, down).await.expect("it shows");
    assert_eq!(seen["status"], "degraded");
    assert_eq!(seen["message"], "not running: bridge lamps");
    // It is raised when it is durable: a moment later.
    let raised = async {
        while !get(at, "/api/alerts", &key)
            .await
            .to_string()
            .contains("bridge lamps")
        {}
    };
    tokio::time::timeout(limit, raised)
        .await
        .expect("it is an alert");

    let back = async { while !not_running().await.is_empty() {} };
    tokio::time::timeout(limit, back)
        .await
        .expect("it is begun again");
    assert_eq!(backend().await["status"], "up");
    running.stop(Duration::from_secs(5)).await;
}
