//! `simulate` as a user starts it, and what its drones say they did.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};

use crate::{Gateway, eventually, gateway, spare_port};

/// A running `simulate`; it ends when dropped.
#[derive(Debug)]
pub struct Simulated {
    child: Child,
    input: ChildStdin,
    log: PathBuf,
    _folder: TempDir,
}

impl Simulated {
    /// Starts it with further arguments and waits until its drones listen.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(arguments: &[&str]) -> anyhow::Result<Simulated> {
        Simulated::start_by(Command::new(gateway::binary()), arguments).await
    }

    /// The same with a command that runs the binary somewhere else.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_by(mut command: Command, arguments: &[&str]) -> anyhow::Result<Simulated> {
        let folder = tempfile::tempdir()?;
        let (log, output) = (folder.path().join("log"), folder.path().join("output"));
        command
            .arg("simulate")
            .args(arguments)
            .kill_on_drop(true)
            .stdin(Stdio::piped());
        command
            .stdout(std::fs::File::create(&output)?)
            .stderr(std::fs::File::create(&log)?);
        let mut child = command.spawn().context("simulate does not start")?;
        let input = child.stdin.take().context("no input")?;
        let mut simulated = Simulated {
            child,
            input,
            log,
            _folder: folder,
        };
        let ready = eventually("the simulated drones listen", || {
            let (ended, text) = (simulated.child.try_wait(), read(&output));
            let log = read(&simulated.log);
            async move {
                anyhow::ensure!(matches!(ended, Ok(None)), "simulate ended: {log}");
                Ok(text.contains("Ctrl-C stops").then_some(()))
            }
        });
        ready.await?;
        Ok(simulated)
    }

    /// Gives an order, for example `freeze 1`.
    ///
    /// # Errors
    /// It has ended.
    pub async fn order(&mut self, order: &str) -> anyhow::Result<()> {
        self.input
            .write_all(format!("{order}\n").as_bytes())
            .await?;
        Ok(self.input.flush().await?)
    }

    /// Every command that made a drone move or stop, in order.
    #[must_use]
    pub fn obeyed(&self) -> Vec<String> {
        self.obeyed_by("")
    }

    /// The same of the drone at that address: with its port's colon, since one may begin
    /// like another.
    #[must_use]
    pub fn obeyed_by(&self, address: &str) -> Vec<String> {
        let text = read(&self.log);
        let commands = text.lines().filter(|line| {
            line.contains("simulated drone obeys") && line.contains(&format!("drone={address}"))
        });
        commands
            .filter_map(|line| {
                Some(
                    line.split_once("command=")?
                        .1
                        .trim()
                        .trim_matches('"')
                        .to_owned(),
                )
            })
            .collect()
    }

    /// How often that command was obeyed.
    #[must_use]
    pub fn count(&self, command: &str) -> usize {
        self.obeyed()
            .iter()
            .filter(|obeyed| *obeyed == command)
            .count()
    }

    /// Everything it logged.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// Ends it and waits for that.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// A gateway with that many simulated drones on loopback, `d2` and on, all of them
/// connected; those drones.
///
/// # Errors
/// Either does not start, or they do not meet.
pub async fn fleet(drones: usize) -> anyhow::Result<(Gateway, Simulated)> {
    fleet_with(drones, "").await
}

/// The same with more tables behind the drones'.
///
/// # Errors
/// Either does not start, or they do not meet.
pub async fn fleet_with(drones: usize, more: &str) -> anyhow::Result<(Gateway, Simulated)> {
    let port = spare_port();
    let simulated = Simulated::start(&[
        "--drones",
        &drones.to_string(),
        "--command-port",
        &port.to_string(),
    ])
    .await?;
    let mut lines = format!("command_port = {port}");
    for host in 2..drones + 2 {
        lines.push_str(&format!(
            "\n[[drones.drone]]\nid = \"d{host}\"\nmode = \"real\"\naddress = \"127.0.0.{host}\""
        ));
    }
    lines.push('\n');
    lines.push_str(more);
    let gateway = Gateway::builder().drones(&lines).start().await?;
    let client = gateway.reader()?;
    eventually("all are connected", || async {
        let statuses = client.get("/api/drones/status").await?.expect(200).json();
        let statuses = statuses.as_array().context("a list")?;
        Ok(statuses
            .iter()
            .all(|drone| drone["connection_status"] == "connected")
            .then_some(()))
    })
    .await?;
    Ok((gateway, simulated))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
