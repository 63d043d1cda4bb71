//! The client beside the attack: it asks for the alerts, flies a drone whose battery goes
//! up and down, and waits for each alert.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use gateway_tests::{Client, Drone, Gateway, WebSocket, drone};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, timeout};

/// One rule, which fires as often as its value crosses.
pub(crate) const RULE: &str = "[alerts]\ndefault_rules = false\n[[alerts.rule]]\nname = \"Edge\"\n\
    metric = \"battery_level\"\noperator = \"<\"\nthreshold = 20\nlevel = \"warning\"\ntype = \"drone\"\n\
    cooldown_minutes = 0\n";
/// Between two states of the drone, so that each is judged by itself.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a Tello sends its state.
const TURN: Duration = Duration::from_millis(100);

pub(crate) struct Healthy {
    client: Client,
    sender: SendRequest<Empty<Bytes>>,
    socket: WebSocket,
    drone: Drone,
    to: SocketAddr,
    answers: Vec<Duration>,
    alerts: Vec<Duration>,
}

impl Healthy {
    /// Connects, as a holder of a key that may read, from an address of its own.
    pub(crate) async fn beside(gateway: &Gateway) -> anyhow::Result<Healthy> {
        let client = gateway
            .reader()?
            .with_source(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        let drone = Drone::at(gateway.block().host(2)).await?;
        let to = drone.enter_sdk_mode().await?;
        let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
        socket.next_of("system_status").await?;
        let (sender, connection) = handshake(TokioIo::new(client.connect().await?)).await?;
        tokio::spawn(connection);
        Ok(Healthy {
            client,
            sender,
            socket,
            drone,
            to,
            answers: Vec::new(),
            alerts: Vec::new(),
        })
    }

    /// Where drones send their state.
    pub(crate) const fn state_port(&self) -> SocketAddr {
        self.to
    }

    /// Asks and waits for so long. That its connection or socket is closed is an error:
    /// an attack on others may not cost it its place.
    pub(crate) async fn work(&mut self, length: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            let start = Instant::now();
            self.ask().await?;
            self.answers.push(start.elapsed());
            self.drone.send(self.to, &drone::state(50, 60)).await?;
            sleep(PAUSE).await;
            let start = Instant::now();
            self.drone.send(self.to, &drone::state(10, 60)).await?;
            // A drone goes on saying it; a flood may cost one of its datagrams before it is seen.
            while timeout(TURN, self.socket.next_of("alert")).await.is_err() {
                self.drone.send(self.to, &drone::state(10, 60)).await?;
            }
            self.alerts.push(start.elapsed());
        }
        Ok(())
    }

    async fn ask(&mut self) -> anyhow::Result<()> {
        let request = http::Request::builder()
            .uri("/api/alerts?limit=20")
            .header("host", "localhost")
            .header("x-api-key", self.client.key().unwrap_or_default())
            .body(Empty::new())?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        anyhow::ensure!(answer.status() == 200, "answered {}", answer.status());
        answer.into_body().collect().await?;
        Ok(())
    }

    /// Begins to count anew.
    pub(crate) fn forget(&mut self) {
        self.answers.clear();
        self.alerts.clear();
    }

    /// What ninety-nine in a hundred answers, and alerts, took at most.
    pub(crate) fn slowest_of_a_hundred(&mut self) -> (Duration, Duration) {
        let of = |times: &mut Vec<Duration>| {
            times.sort();
            let place = (times.len() * 99).div_ceil(100).saturating_sub(1);
            times.get(place).copied().unwrap_or_default()
        };
        (of(&mut self.answers), of(&mut self.alerts))
    }
}
