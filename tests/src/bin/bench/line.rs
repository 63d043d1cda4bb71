//! The bridge's path: from a frame on the serial line to an alert.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use firmware_bridge::channel::Sender;
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::message::{Greeting, IndicatorLevel, ResetCause, ToHost};
use firmware_bridge::sensor::{Sensor, SensorKind, Unit};
use gateway_tests::{Gateway, WebSocket, eventually, process};
use serialport::{ClearBuffer, SerialPort as _, TTYPort};
use tokio::time::Instant;

use crate::spread;

/// Boards, sensors of each, and so alerts measured: the first of each sensor, since what
/// comes and goes is told late, and later each time.
const ROUNDS: usize = 12;
const SENSORS: u8 = 16;
/// Bytes of a frame with a reading.
const FRAME_BYTES: usize = 20;
/// How long the processor time of a silent link is watched.
const IDLE: Duration = Duration::from_secs(60);

/// Last byte of a frame written → alert received on a WebSocket over TLS, beside
/// what the terminal alone takes in the same moments: its bytes are handed over by
/// a worker of the kernel, which waits its turn on a busy machine. A
/// pseudo-terminal has no speed: what a real line needs for the bytes comes on top.
pub(crate) async fn latency() -> anyhow::Result<()> {
    for (name, dir) in [
        ("state in memory", PathBuf::from("/dev/shm")),
        ("state on disk", crate::on_disk()?),
    ] {
        let state = tempfile::tempdir_in(dir)?;
        let (alerts, terminal) = alerts(state.path()).await.context(name)?;
        spread(&format!("{name}: frame → alert on the WebSocket"), alerts);
        spread(&format!("{name}: the terminal alone"), terminal);
    }
    idle().await
}

/// The board's end of a line, played by hand.
pub(crate) struct Board {
    port: TTYPort,
    path: PathBuf,
    sender: Sender<ToHost>,
    started: Instant,
    _slave: TTYPort,
}

impl Board {
    pub(crate) fn new() -> anyhow::Result<Board> {
        let (port, slave) = TTYPort::pair()?;
        let path = slave.name().context("a terminal without a name")?.into();
        Ok(Board {
            port,
            path,
            sender: Sender::new(),
            started: Instant::now(),
            _slave: slave,
        })
    }

    pub(crate) fn config(&self) -> String {
        format!("[[bridge]]\nname = \"mast\"\nselector = {:?}\n", self.path)
    }

    fn send(&mut self, message: &ToHost) -> anyhow::Result<()> {
        let mut buffer = [0; MAX_FRAME_BYTES];
        self.port
            .write_all(self.sender.encode(message, &mut buffer)?)?;
        // What the gateway asks is answered without being read.
        self.port.clear(ClearBuffer::Input)?;
        Ok(())
    }

    fn ticks(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    fn volts(&mut self, sensor: u8, value: f32) -> anyhow::Result<()> {
        let ticks = self.ticks();
        self.send(&ToHost::Reading {
            sensor,
            ticks,
            value,
        })
    }

    fn greet(&mut self) -> anyhow::Result<()> {
        let (board, firmware) = ("by-hand".into(), "0".into());
        let (reset, ticks_hz) = (ResetCause::Unknown, 1_000_000);
        self.send(&ToHost::Greeting(Greeting {
            min: 1,
            current: 1,
            board,
            firmware,
            serial: 0,
            boot: 0,
            reset,
            ticks_hz,
            sensors: SENSORS,
        }))?;
        let (kind, unit) = (SensorKind::Voltage, Unit::Volt);
        for index in 0..SENSORS {
            let sensor = Sensor {
                name: format!("rail_{index}").as_str().into(),
                kind,
                unit,
                min: 0.0,
                max: 26.0,
                interval_ms: 1_000,
            };
            self.send(&ToHost::Sensor { index, sensor })?;
        }
        self.state()
    }

    /// Greets the gateway, again and again until it is met: one that was silent for some
    /// seconds after its port was opened is given up, and opened anew.
    pub(crate) async fn meet(&mut self, gateway: &Gateway) -> anyhow::Result<()> {
        let mut met = pin!(shows(gateway, "mfg_drone_bridge_up"));
        loop {
            self.greet()?;
            tokio::select! {
                done = &mut met => return done,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    fn state(&mut self) -> anyhow::Result<()> {
        self.says(false)
    }

    /// Says that it lives, and whether its emergency stop is pressed.
    pub(crate) fn says(&mut self, emergency_stop: bool) -> anyhow::Result<()> {
        let (ticks, indicator) = (self.ticks(), IndicatorLevel::Clear);
        self.send(&ToHost::State {
            ticks,
            emergency_stop,
            indicator,
            dropped: 0,
        })
    }
}

async fn started(board: &Board, state: &std::path::Path) -> anyhow::Result<Gateway> {
    let rule = "[alerts]\ndefault_rules = false\n[[alerts.rule]]\nname = \"Edge\"\nmetric = \"voltage\"\n\
                operator = \"<\"\nthreshold = 10.5\nlevel = \"warning\"\ncooldown_minutes = 0\n";
    let config = format!("{}[board]\nenabled = false\n{rule}", board.config());
    let gateway = Gateway::builder()
        .state(state)
        .config(&config)
        .start()
        .await?;
    shows(&gateway, "mfg_drone_bridge_ports_opened_total").await?;
    Ok(gateway)
}

/// Waits until the gateway counts one of `metric` for the board.
async fn shows(gateway: &Gateway, metric: &str) -> anyhow::Result<()> {
    let client = gateway.reader()?;
    let wanted = format!("{metric}{{bridge=\"mast\"}} 1");
    eventually(metric, || async {
        let text = client.get("/metrics").await?.expect(200).text();
        Ok(text.contains(&wanted).then_some(()))
    })
    .await
}

/// A terminal with nobody but a reader behind it, woken as the link's thread is.
struct Terminal {
    port: TTYPort,
    seen: std::sync::mpsc::Receiver<Instant>,
}

impl Terminal {
    fn new() -> anyhow::Result<Terminal> {
        let (port, mut slave) = TTYPort::pair()?;
        slave.set_timeout(Duration::from_secs(3600))?;
        #[expect(clippy::disallowed_methods, reason = "the reader is never to wait")]
        let (tell, seen) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut byte = [0; MAX_FRAME_BYTES];
            while slave.read(&mut byte).is_ok_and(|read| read > 0)
                && tell.send(Instant::now()).is_ok()
            {}
        });
        Ok(Terminal { port, seen })
    }

    /// Microseconds from a write to the reader.
    fn takes(&mut self) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.port.write_all(&[0; FRAME_BYTES])?;
        Ok(self
            .seen
            .recv()?
            .saturating_duration_since(start)
            .as_secs_f64()
            * 1e6)
    }
}

/// Microseconds to the alert, and those of the terminal alone.
async fn alerts(state: &std::path::Path) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let (mut samples, mut alone) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let dir = state.join(format!("state-{round}"));
        first_alerts(&dir, &mut samples, &mut alone).await?;
    }
    Ok((samples, alone))
}

/// Takes a sample of each sensor of one board.
async fn first_alerts(
    state: &std::path::Path,
    samples: &mut Vec<f64>,
    alone: &mut Vec<f64>,
) -> anyhow::Result<()> {
    let mut terminal = Terminal::new()?;
    let mut board = Board::new()?;
    let gateway = started(&board, state).await?;
    let mut socket = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    socket.next_of("system_status").await?;
    // Last: a board that is silent for three seconds is given up.
    board.meet(&gateway).await?;
    for sensor in 0..SENSORS {
        board.volts(sensor, 11.0)?;
        // A pause lets the good value be taken, as in the drones' benchmark.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let start = Instant::now();
        board.volts(sensor, 9.0)?;
        socket.next_of("alert").await?;
        samples.push(start.elapsed().as_secs_f64() * 1e6);
        alone.push(terminal.takes()?);
    }
    Ok(())
}

/// Processor time of the link's thread while a board says no more than that it lives.
async fn idle() -> anyhow::Result<()> {
    let state = tempfile::tempdir()?;
    let mut board = Board::new()?;
    let gateway = started(&board, state.path()).await?;
    board.meet(&gateway).await?;
    let pid = gateway.pid().context("not running")?;
    let (before, start) = (process::thread_cpu(pid, "bridge-link")?, Instant::now());
    while start.elapsed() < IDLE {
        board.state()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let used = process::thread_cpu(pid, "bridge-link")?.saturating_sub(before);
    println!(
        "processor time of the link's thread in {IDLE:?} with a state a second: {} ms",
        used.as_millis()
    );
    Ok(())
}
