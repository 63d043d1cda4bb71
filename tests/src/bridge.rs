//! A microcontroller on a serial line: the simulated one as a process of its own,
//! or an emulated one that somebody else started.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, Command};

use crate::gateway::binary;

/// `bridge simulate` as a process; killed when dropped.
#[derive(Debug)]
pub struct SimulatedBoard {
    child: Child,
    orders: ChildStdin,
    said: Arc<Mutex<Vec<String>>>,
    link: PathBuf,
}

impl SimulatedBoard {
    /// Plugs a board in at `link`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn plug_in(link: &Path) -> anyhow::Result<SimulatedBoard> {
        let mut command = Command::new(binary());
        command
            .args(["bridge", "simulate", "--link"])
            .arg(link)
            .env_clear()
            .kill_on_drop(true);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().context("standard input")?;
        let mut lines = BufReader::new(child.stdout.take().context("standard output")?).lines();
        let path = lines.next_line().await?.context("the board ended")?;
        anyhow::ensure!(Path::new(&path) == link, "the board is at {path}");
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Ok(SimulatedBoard {
            child,
            orders,
            said,
            link: link.to_owned(),
        })
    }

    /// Gives one order, as `help` lists them.
    ///
    /// # Errors
    /// The board has ended.
    pub async fn order(&mut self, order: &str) -> anyhow::Result<()> {
        self.orders
            .write_all(format!("{order}\n").as_bytes())
            .await
            .context("the board ended")?;
        Ok(())
    }

    /// What its lamp shows now.
    #[must_use]
    pub fn lamp(&self) -> Option<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter()
            .rev()
            .find_map(|line| line.strip_prefix("lamp "))
            .map(str::to_owned)
    }

    /// Kills the process, which takes the terminal with it and leaves the name
    /// behind, as a crash would.
    ///
    /// # Errors
    /// The kill itself fails.
    pub async fn kill(mut self) -> anyhow::Result<PathBuf> {
        self.child.kill().await?;
        Ok(self.link)
    }
}

/// Hands at a board, whatever it is.
#[derive(Debug)]
pub enum Hands {
    /// At the simulated one.
    Simulated(Box<SimulatedBoard>),
    /// At an emulated one: the folder that holds its sockets `pins` and `monitor`.
    Emulated(PathBuf),
}

impl Hands {
    /// Engages or releases the emergency stop.
    ///
    /// # Errors
    /// The board is gone; as everywhere below.
    pub async fn stop(&mut self, engaged: bool) -> anyhow::Result<()> {
        self.act(engaged, ["stop on", "stop off"], ["E", "e"]).await
    }

    /// Presses button 0 or lets it go.
    ///
    /// # Errors
    /// As [`Hands::stop`].
    pub async fn button(&mut self, pressed: bool) -> anyhow::Result<()> {
        self.act(pressed, ["button 0 on", "button 0 off"], ["B", "b"])
            .await
    }

    /// Empties the battery to 9 V, or fills it.
    ///
    /// # Errors
    /// As [`Hands::stop`].
    pub async fn empty_battery(&mut self, empty: bool) -> anyhow::Result<()> {
        self.act(
            empty,
            ["value battery_voltage 9", "value battery_voltage 12"],
            ["L", "l"],
        )
        .await
    }

    /// Breaks the temperature sensor, or mends it.
    ///
    /// # Errors
    /// As [`Hands::stop`].
    pub async fn break_sensor(&mut self, broken: bool) -> anyhow::Result<()> {
        self.act(
            broken,
            ["fault board_temperature absent", "auto board_temperature"],
            ["X", "x"],
        )
        .await
    }

    /// Freezes the whole board, or lets it go on.
    ///
    /// # Errors
    /// As [`Hands::stop`].
    pub async fn freeze(&mut self, frozen: bool) -> anyhow::Result<()> {
        match self {
            Hands::Simulated(board) => {
                board
                    .order(if frozen { "pause on" } else { "pause off" })
                    .await
            }
            Hands::Emulated(folder) => {
                tell(
                    &folder.join("monitor"),
                    if frozen { "stop\n" } else { "cont\n" },
                )
                .await
            }
        }
    }

    /// Hangs the firmware until its watchdog bites; a simulated board has none.
    ///
    /// # Errors
    /// As [`Hands::stop`], or there is no watchdog.
    pub async fn hang(&mut self) -> anyhow::Result<()> {
        match self {
            Hands::Simulated(_) => anyhow::bail!("a simulated board has no watchdog"),
            Hands::Emulated(folder) => tell(&folder.join("pins"), "H").await,
        }
    }

    async fn act(&mut self, on: bool, orders: [&str; 2], pins: [&str; 2]) -> anyhow::Result<()> {
        let which = usize::from(!on);
        match self {
            Hands::Simulated(board) => board.order(orders[which]).await,
            Hands::Emulated(folder) => tell(&folder.join("pins"), pins[which]).await,
        }
    }
}

/// Writes to a socket of the emulator. It may drop what comes right before a
/// hang-up, so the line is held a moment; nothing waits for it.
async fn tell(socket: &Path, text: &str) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(socket)
        .await
        .with_context(|| format!("{}", socket.display()))?;
    stream.write_all(text.as_bytes()).await?;
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        drop(stream);
    });
    Ok(())
}
