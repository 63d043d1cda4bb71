//! A whole gateway in this process, on a loopback address of its own: what is sent to it
//! is read by the code of the field, and the fuzzer sees which lines that reached.
#![allow(dead_code, reason = "each target uses what it needs")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const KEY: &str = "fuzz-admin-key-0123456789abcdef";
/// Longer than anything that is asked of it takes.
const PATIENCE: Duration = Duration::from_secs(8);

/// Where it listens.
pub struct Gateway {
    pub http: SocketAddr,
    pub rtsp: SocketAddr,
    _folder: tempfile::TempDir,
}

/// One for the life of the process.
pub static GATEWAY: LazyLock<Gateway> = LazyLock::new(start);

fn start() -> Gateway {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = std::process::id();
    let host = format!("127.{}.{}.1", 100 + process / 250 % 100, 1 + process % 250);
    // Nobody is told anything, nothing is looked for outside, and no limit hides a reader.
    let config = format!(
        "[server]\nlisten = \"{host}:8443\"\nhttp_listen = \"{host}:8000\"\n\
         [camera]\nrtsp_listen = \"{host}:8554\"\n\
         [access]\nrate_limit_enabled = false\nlockout_exempts_loopback = true\n\
         [storage]\ndir = {:?}\n[drones]\nbind = \"{host}\"\n\
         [[drones.drone]]\nid = \"drone_001\"\naddress = \"127.99.99.99\"\n\
         [[drones.group]]\nid = \"all\"\ndrones = [\"drone_001\"]\n",
        folder.path().join("state"),
    );
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, config).expect("the folder is ours");
    // SAFETY: nothing else of this process runs yet that reads or sets its environment.
    unsafe { std::env::set_var("MFG_DRONE_ADMIN_KEY", KEY) };
    std::thread::spawn(move || {
        let arguments = ["mfg-drone-gateway", "run", "--config"].map(Into::into);
        mfg_drone_gateway::run(arguments.into_iter().chain([file.into_os_string()]));
        // (It only ends by a fault: a fuzzer that goes on would find nothing more.)
        std::process::abort();
    });
    let gateway = Gateway {
        http: format!("{host}:8000").parse().expect("an address"),
        rtsp: format!("{host}:8554").parse().expect("an address"),
        _folder: folder,
    };
    let begun = Instant::now();
    while TcpStream::connect(gateway.http).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not listen"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    gateway
}

/// A connection that does not wait for ever.
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// All that comes until the end, which has to come in time; it may be cut off.
pub fn rest_of(stream: &mut TcpStream, what: &str) -> Vec<u8> {
    let mut heard = Vec::new();
    if let Err(error) = stream.read_to_end(&mut heard) {
        let kind = error.kind();
        assert_ne!(
            kind,
            std::io::ErrorKind::WouldBlock,
            "{what}: it is left open"
        );
    }
    heard
}

/// Head of a request that carries the key.
pub fn head(method: &str, target: &str, more: &str) -> String {
    let host = GATEWAY.http;
    format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {KEY}\r\nConnection: close\r\n{more}\r\n"
    )
}

/// The status of the answer to a request, and what it says.
pub fn ask(method: &str, target: &str, more: &str, body: &[u8]) -> (u16, String) {
    let mut stream = connect(GATEWAY.http);
    stream
        .write_all(head(method, target, more).as_bytes())
        .expect("taken");
    // It may be refused before all of it was sent.
    let _ = stream.write_all(body);
    let answer = rest_of(&mut stream, target);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| digits.parse().ok());
    (
        status.unwrap_or_else(|| panic!("no status: {answer:?}")),
        answer,
    )
}

/// That it still does what it is there for.
pub fn is_well() {
    let (status, answer) = ask("GET", "/health", "", b"");
    assert_eq!(status, 200, "{answer}");
}
