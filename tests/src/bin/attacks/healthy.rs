//! The client beside the attack: it asks for the alerts, flies drones whose batteries get
//! lower by a percent at a time, and waits for the alert of each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use gateway_tests::{Client, Drone, Gateway, WebSocket, drone};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};

/// Drones beside the attack, and rules of each: as many alerts can be waited for, since what
/// comes and goes is told late, and later each time.
pub(crate) const DRONES: u8 = 24;
const RULES: u8 = 60;
/// Threshold of the first of the rules, in percent; each further one is a percent lower.
const FIRST_PCT: u8 = 80;

/// How often a Tello sends its state.
const TURN: Duration = Duration::from_millis(100);

pub(crate) struct Healthy {
    client: Client,
    sender: SendRequest<Empty<Bytes>>,
    socket: WebSocket,
    drones: Vec<(Drone, SocketAddr)>,
    /// Alerts that were waited for since the start.
    alerted: usize,
    answers: Vec<Duration>,
    alerts: Vec<Duration>,
}

/// Where the drones are in the gateway's block.
pub(crate) fn hosts() -> std::ops::Range<u8> {
    4..4 + DRONES
}

/// The rules that the alerts are of.
pub(crate) fn rules() -> String {
    let rules = (0..RULES).map(|step| {
        format!(
            "[[alerts.rule]]\nname = \"Edge {step}\"\nmetric = \"battery_level\"\noperator = \"<\"\n\
             threshold = {}\nlevel = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 0\n",
            FIRST_PCT - step
        )
    });
    rules.fold(
        "[alerts]\ndefault_rules = false\n".into(),
        |all: String, rule| all + &rule,
    )
}

impl Healthy {
    /// Connects, as a holder of a key that may read, from an address of its own.
    pub(crate) async fn beside(gateway: &Gateway) -> anyhow::Result<Healthy> {
        let client = gateway
            .reader()?
            .with_source(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        let entering = hosts().map(|host| async move {
            let drone = Drone::at(gateway.block().host(host)).await?;
            let to = drone.enter_sdk_mode().await?;
            drone.send(to, &drone::state(100, 60)).await?;
            anyhow::Ok((drone, to))
        });
        let drones = futures_util::future::try_join_all(entering).await?;
        let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
        socket.next_of("system_status").await?;
        let (sender, connection) = handshake(TokioIo::new(client.connect().await?)).await?;
        tokio::spawn(connection);
        Ok(Healthy {
            client,
            sender,
            socket,
            drones,
            alerted: 0,
            answers: Vec::new(),
            alerts: Vec::new(),
        })
    }

    /// Where drones send their state.
    pub(crate) fn state_port(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.drones.first().context("a drone")?.1)
    }

    /// Asks and waits for so long. That its connection or socket is closed is an error:
    /// an attack on others may not cost it its place.
    pub(crate) async fn work(&mut self, length: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            let start = Instant::now();
            self.ask().await?;
            self.answers.push(start.elapsed());
            let took = self.alert().await?;
            self.alerts.push(took);
            // As often as a Tello speaks.
            sleep_until(start + TURN).await;
        }
        Ok(())
    }

    /// The next drone gets a percent lower: how long its alert took.
    async fn alert(&mut self) -> anyhow::Result<Duration> {
        let (step, turn) = (
            self.alerted / usize::from(DRONES),
            self.alerted % usize::from(DRONES),
        );
        self.alerted += 1;
        anyhow::ensure!(
            step < usize::from(RULES),
            "no alert is left to wait for: fewer seconds, or more drones"
        );
        let (drone, to) = self.drones.get(turn).context("a drone")?;
        let state = drone::state(FIRST_PCT - 1 - u8::try_from(step)?, 60);
        let start = Instant::now();
        drone.send(*to, &state).await?;
        // It goes on saying it; a flood may cost one of its datagrams before it is seen.
        let mut says = tokio::time::interval_at(start + TURN, TURN);
        loop {
            tokio::select! {
                alert = self.socket.next_of("alert") => {
                    // (One that was silent for its turn may be told as lost.)
                    if alert?.to_string().contains("battery_level") {
                        return Ok(start.elapsed());
                    }
                }
                _ = says.tick() => drone.send(*to, &state).await?,
            }
        }
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
