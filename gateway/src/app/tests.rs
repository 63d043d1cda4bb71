//! A whole gateway in this process: a task of it is ended, and its health watched.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::start::Running;
use super::*;
use crate::settings::Inputs;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_ended_stands_in_health_and_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (https, http) = (free_port().await, free_port().await);
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{https}\"\nhttp_listen = \"127.0.0.1:{http}\"\n\
         [storage]\ndir = \"{dir}\"\n[logging]\ndir = \"{dir}/log\"\n[board]\nenabled = false\n",
        dir = dir.path().display()
    );
    let file = dir.path().join("gateway.toml");
    std::fs::write(&file, text).expect("written");
    let settings = Settings::resolve(&Inputs {
        file: Some(file),
        ..Inputs::default()
    })
    .expect("good settings");
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

    running.supervisor().kill("bridge lamps");
    let down = async {
        while not_running().await != ["bridge lamps"] {}
        backend().await
    };
    let limit = Duration::from_secs(30);
    let seen = tokio::time::timeout(limit, down).await.expect("it shows");
    assert_eq!(seen["status"], "degraded");
    assert_eq!(seen["message"], "not running: bridge lamps");
    let alerts = get(at, "/api/alerts", &key).await.to_string();
    assert!(alerts.contains("bridge lamps"), "{alerts}");

    let back = async { while !not_running().await.is_empty() {} };
    tokio::time::timeout(limit, back)
        .await
        .expect("it is begun again");
    assert_eq!(backend().await["status"], "up");
    running.stop(Duration::from_secs(5)).await;
}
