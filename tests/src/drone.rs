//! A drone on the wire: a UDP peer at an address of its own that answers
//! `command` and sends the datagrams it is told to send, as captured.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::PATIENCE;

/// Port on which a Tello takes commands and from which it sends its state.
pub const COMMAND_PORT: u16 = 8889;
/// Port on which the gateway takes video.
pub const VIDEO_PORT: u16 = 11111;
/// Port on which the gateway takes state.
pub const STATE_PORT: u16 = 8890;

/// A drone's socket.
#[derive(Debug)]
pub struct Drone {
    socket: Arc<UdpSocket>,
    /// None: its firmware is older than serial numbers (SDK 1.3).
    serial: Option<String>,
}

/// What a streaming drone says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Whether its motor time advances.
    pub motors_run: bool,
    /// Height and, 10 cm more, distance to the floor.
    pub height_cm: u16,
    /// Charge.
    pub battery_pct: u8,
}

/// A drone's states at 10 Hz, for as long as this lives.
#[derive(Debug)]
pub struct Streaming {
    shown: Arc<Mutex<Shown>>,
    roll_deg: Arc<AtomicI16>,
    speed_dm_s: Arc<AtomicI16>,
    task: JoinHandle<()>,
}

impl Streaming {
    /// Says something else from now on.
    pub fn show(&self, motors_run: bool, height_cm: u16) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        (shown.motors_run, shown.height_cm) = (motors_run, height_cm);
    }

    /// Flies ahead at that speed from now on.
    pub fn move_at(&self, dm_s: i16) {
        self.speed_dm_s.store(dm_s, Relaxed);
    }

    /// Lies on its side or its back from now on.
    pub fn roll(&self, deg: i16) {
        self.roll_deg.store(deg, Relaxed);
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drone {
    /// A drone at `address`, silent so far.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn at(address: IpAddr) -> anyhow::Result<Drone> {
        Ok(Drone {
            socket: Arc::new(UdpSocket::bind(SocketAddr::new(address, COMMAND_PORT)).await?),
            serial: None,
        })
    }

    /// The same of firmware that says who it is (SDK 2.0).
    #[must_use]
    pub fn with_serial(mut self, serial: &str) -> Drone {
        self.serial = Some(serial.to_owned());
        self
    }

    /// Waits for the next command and its sender. Who it is, it answers by itself.
    ///
    /// # Errors
    /// None comes in time.
    pub async fn hear(&self) -> anyhow::Result<(String, SocketAddr)> {
        let mut buffer = [0u8; 2048];
        loop {
            let (length, from) = timeout(PATIENCE, self.socket.recv_from(&mut buffer))
                .await
                .context("no command came")??;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let answer = match (text.as_str(), &self.serial) {
                ("sn?", Some(serial)) => serial.clone(),
                ("sdk?", Some(_)) => "20".to_owned(),
                ("sn?" | "sdk?" | "hardware?", _) => format!("unknown command: {text}"),
                _ => return Ok((text, from)),
            };
            self.socket.send_to(answer.as_bytes(), from).await?;
        }
    }

    /// Waits for `command`, answers `ok`, and says where its state goes.
    ///
    /// # Errors
    /// Something else comes, or nothing.
    pub async fn enter_sdk_mode(&self) -> anyhow::Result<SocketAddr> {
        let (text, from) = self.hear().await?;
        anyhow::ensure!(text == "command", "expected `command`, heard {text:?}");
        self.socket.send_to(b"ok", from).await?;
        Ok(SocketAddr::new(from.ip(), STATE_PORT))
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// The socket refuses.
    pub async fn send(&self, to: SocketAddr, datagram: &[u8]) -> anyhow::Result<()> {
        self.socket.send_to(datagram, to).await?;
        Ok(())
    }

    /// Streams its state to `to`, at the pace of a real one.
    #[must_use]
    pub fn stream(&self, to: SocketAddr, shown: Shown) -> Streaming {
        let (socket, shown) = (self.socket.clone(), Arc::new(Mutex::new(shown)));
        let says = shown.clone();
        let roll_deg = Arc::new(AtomicI16::new(0));
        let roll = roll_deg.clone();
        let speed_dm_s = Arc::new(AtomicI16::new(0));
        let speed = speed_dm_s.clone();
        let task = tokio::spawn(async move {
            let (mut ticks, mut motor_ms) = (tokio::time::interval(Duration::from_millis(100)), 0);
            loop {
                ticks.tick().await;
                let shown = *says.lock().unwrap_or_else(PoisonError::into_inner);
                motor_ms += if shown.motors_run { 100 } else { 0 };
                let text = format!(
                    "pitch:0;roll:{};yaw:0;vgx:{};vgy:0;vgz:0;templ:58;temph:60;tof:{};h:{};bat:{};\
                     baro:44.00;time:{};agx:-3.00;agy:-2.00;agz:-999.00;\r\n",
                    roll.load(Relaxed),
                    speed.load(Relaxed),
                    shown.height_cm + 10,
                    shown.height_cm,
                    shown.battery_pct,
                    motor_ms / 1_000
                );
                // A gateway that is stopping takes nothing more.
                let _ = socket.send_to(text.as_bytes(), to).await;
            }
        });
        Streaming {
            shown,
            roll_deg,
            speed_dm_s,
            task,
        }
    }

    /// Waits for `wanted`, answers `ok`; answers whatever else comes before it too.
    ///
    /// # Errors
    /// It does not come.
    pub async fn obey(&self, wanted: &str) -> anyhow::Result<SocketAddr> {
        loop {
            let (text, from) = self.hear().await?;
            self.socket.send_to(b"ok", from).await?;
            if text == wanted {
                return Ok(from);
            }
        }
    }

    /// Sends one frame of video, cut as firmware cuts it.
    ///
    /// # Errors
    /// The socket refuses.
    pub async fn film(&self, gateway: IpAddr, frame: &[u8]) -> anyhow::Result<()> {
        for piece in frame.chunks(1460) {
            self.send(SocketAddr::new(gateway, VIDEO_PORT), piece)
                .await?;
        }
        Ok(())
    }

    /// Sends `datagrams` with the pauses between them divided by `speed`.
    ///
    /// # Errors
    /// The socket refuses.
    pub async fn replay(
        &self,
        to: SocketAddr,
        datagrams: &[(f64, Vec<u8>)],
        speed: f64,
    ) -> anyhow::Result<()> {
        let Some(&(first, _)) = datagrams.first() else {
            return Ok(());
        };
        let start = tokio::time::Instant::now();
        for (at, datagram) in datagrams {
            // Absolute deadlines: the pace of the capture, without drift.
            tokio::time::sleep_until(start + Duration::from_secs_f64((at - first) / speed)).await;
            self.send(to, datagram).await?;
        }
        Ok(())
    }
}

/// Somebody who sends as fast as a thread can, for as long as this lives.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Flood {
    /// States of low batteries from `from`, which should be no drone's, to `to`.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn begin(from: IpAddr, to: SocketAddr) -> anyhow::Result<Flood> {
        let socket = std::net::UdpSocket::bind(SocketAddr::new(from, 0))?;
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stops, counts) = (stop.clone(), sent.clone());
        let thread = std::thread::spawn(move || {
            let datagram = state(3, 99);
            while !stops.load(Relaxed) {
                if socket.send_to(&datagram, to).is_ok() {
                    counts.fetch_add(1, Relaxed);
                }
            }
        });
        Ok(Flood {
            stop,
            sent,
            thread: Some(thread),
        })
    }

    /// Datagrams sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// A plain state datagram with that battery and highest temperature.
#[must_use]
pub fn state(battery_pct: u8, temph_c: u8) -> Vec<u8> {
    format!(
        "pitch:0;roll:0;yaw:0;vgx:0;vgy:0;vgz:0;templ:{};temph:{temph_c};tof:10;h:0;bat:{battery_pct};baro:44.00;\
         time:0;agx:-3.00;agy:-2.00;agz:-999.00;\r\n",
        temph_c.saturating_sub(2)
    )
    .into_bytes()
}
