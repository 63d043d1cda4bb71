//! `plan`: flight plans judged, flown, shown and ended from the console.
//!
//! The running gateway does the work; this asks it, once a second at the least while a plan
//! flies, which says that somebody is there. `--simulate` starts a gateway of its own for
//! simulated drones and asks that one: nothing is flown otherwise than for real.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use hyper::Method;
use serde_json::{Map, Value};

use super::args::{PlanArgs, PlanCommand};
use crate::config::{Config, Down, DroneMode};
use crate::control::{Client, PlanRequest};
use crate::plans;

/// Largest file of a plan: two hundred steps are a tenth of it.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Between two looks at a plan that flies.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Until the gateway of `--simulate` has met its drones; a busy board takes some.
const READY_WITHIN: u32 = 120;

pub(super) fn plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let config = super::load(&args.config)?.config;
    if let PlanCommand::Fly {
        file,
        simulate: true,
    } = &args.command
    {
        let plan = read(file)?;
        return super::small_runtime()?.block_on(simulated(&config, plan));
    }
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Client::connect(super::state_dir(&config)).await;
        if let (None, PlanCommand::Check { file }) = (&gateway, &args.command) {
            return unasked(&config, &read(file)?);
        }
        let gateway = gateway.context("no gateway runs on this state directory; start it first")?;
        let (action, id) = match &args.command {
            PlanCommand::Check { file } => {
                let told = ask(&gateway, "check", read(file)?.into(), None).await?;
                return Ok(judged(&told["plan"]));
            }
            PlanCommand::Fly { file, .. } => return fly(&gateway, read(file)?).await,
            PlanCommand::Status => {
                let told = ask(&gateway, "list", Value::Null, None).await?;
                for plan in told.as_array().into_iter().flatten() {
                    println!("{}", in_short(plan));
                }
                return Ok(ExitCode::SUCCESS);
            }
            PlanCommand::Pause { id } => ("pause", id),
            PlanCommand::Resume { id } => ("resume", id),
            PlanCommand::End { id } => ("end", id),
        };
        let told = ask(&gateway, action, id.as_str().into(), None).await?;
        println!("{}", in_short(&told["plan"]));
        Ok(ExitCode::SUCCESS)
    })
}

/// The plan in a file, as JSON.
fn read(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let named = || file.display().to_string();
    let size = std::fs::metadata(file).with_context(named)?.len();
    anyhow::ensure!(
        size <= MAX_FILE_BYTES,
        "{} is too large for a plan",
        named()
    );
    let text = std::fs::read_to_string(file).with_context(named)?;
    serde_json::from_str(&text).with_context(|| format!("{} is no plan", named()))
}

async fn ask(
    gateway: &Client,
    action: &str,
    subject: Value,
    session: Option<&str>,
) -> anyhow::Result<Value> {
    let request = PlanRequest {
        action: action.to_owned(),
        subject,
        session: session.map(str::to_owned),
    };
    Ok(gateway.json(Method::POST, "/plan", Some(&request)).await?)
}

/// Judges a plan without a gateway.
fn unasked(config: &Config, plan: &Map<String, Value>) -> anyhow::Result<ExitCode> {
    let plan = plans::read(plan, &config.drones).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(faults.join("\n"))
    })?;
    println!("no gateway runs: judged by the configuration, for full drones on the ground");
    let view = plans::judge_unasked(&plan, &config.drones);
    Ok(judged(&serde_json::to_value(view)?))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A number with its unit, or a dash.
fn number(value: &Value, unit: &str) -> String {
    value
        .as_i64()
        .map_or("-".to_owned(), |value| format!("{value} {unit}"))
}

/// Says how a plan was judged.
fn judged(plan: &Value) -> ExitCode {
    for (at, step) in plan["steps"].as_array().into_iter().flatten().enumerate() {
        for task in step["drones"].as_array().into_iter().flatten() {
            let then = &task["then"];
            println!(
                "{:>3}  {}  {}: {}",
                at + 1,
                text(&task["drone_id"]),
                text(&task["command"]),
                match task["why"].as_str() {
                    Some(why) => format!("refused: {why}"),
                    None => format!(
                        "then {} high, {} forward, {} left, {}, battery {}",
                        number(&then["height_cm"], "cm"),
                        number(&then["forward_cm"], "cm"),
                        number(&then["left_cm"], "cm"),
                        number(&then["heading_deg"], "degrees"),
                        number(&then["battery_pct"], "%"),
                    ),
                }
            );
        }
    }
    for drone in plan["aloft"].as_array().into_iter().flatten() {
        println!(
            "{} is in the air at the end, until its flyer lands it",
            text(drone)
        );
    }
    let is_fit = plan["state"] == "fit";
    println!(
        "{}: {}",
        text(&plan["name"]),
        match is_fit {
            true => format!("can fly, about {} at most", number(&plan["lasts_s"], "s")),
            false => format!("would not be started: {}", text(&plan["why"])),
        }
    );
    if is_fit {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A plan on one line.
fn in_short(plan: &Value) -> String {
    let why = match plan["why"].as_str() {
        Some(why) => format!(": {why}"),
        None => String::new(),
    };
    format!(
        "{}  {}  {}, step {} of {}, by {}{why}",
        text(&plan["plan_id"]),
        text(&plan["name"]),
        text(&plan["state"]),
        plan["step"],
        plan["of"],
        text(&plan["by"]),
    )
}

/// Flies a plan to its end, and says what came of each step.
async fn fly(gateway: &Client, plan: Map<String, Value>) -> anyhow::Result<ExitCode> {
    let mut told = ask(gateway, "start", plan.into(), None).await?;
    let session = text(&told["session"]).to_owned();
    let mut said = Vec::new();
    loop {
        let plan = &told["plan"];
        say_news(plan, &mut said);
        if plan["ended_at"].is_string() {
            println!("{}", in_short(plan));
            let failed = said.iter().any(|line| line.contains(": failed"));
            let is_done = plan["state"] == "done" && !failed;
            return Ok(if is_done {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let id = plan["plan_id"].clone();
        told = ask(gateway, "look", id, Some(&session)).await?;
    }
}

/// Prints what has changed since the last look.
fn say_news(plan: &Value, said: &mut Vec<String>) {
    let mut news = Vec::new();
    for (at, step) in plan["steps"].as_array().into_iter().flatten().enumerate() {
        for task in step["drones"].as_array().into_iter().flatten() {
            let state = text(&task["state"]);
            if ["waits", "under_way"].contains(&state) {
                continue;
            }
            let why = task["why"]
                .as_str()
                .map_or(String::new(), |why| format!(", {why}"));
            let (drone, command) = (text(&task["drone_id"]), text(&task["command"]));
            news.push(format!("{:>3}  {drone}  {command}: {state}{why}", at + 1));
        }
    }
    news.retain(|line| !said.contains(line));
    for line in news {
        println!("{line}");
        said.push(line);
    }
}

/// Flies a plan with simulated drones of the same ids.
async fn simulated(config: &Config, plan: Map<String, Value>) -> anyhow::Result<ExitCode> {
    let state = super::run::TemporaryState::new(None)?;
    let file = state.path().join("gateway.toml");
    let made = simulating(config, state.path())?;
    std::fs::write(&file, toml::to_string(&made)?)?;
    let log = std::fs::File::create(state.path().join("log"))?;
    let program = std::env::current_exe()?;
    let mut command = std::process::Command::new(program);
    command.arg("run").arg("--config").arg(&file);
    // Settings of the real one are not for this one; its keys are made and shown to nobody.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MFG_DRONE_") {
            command.env_remove(name);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let mut running = Running(command.spawn()?);
    println!("simulated: nothing real is flown");
    let dir = &made.storage.dir;
    for _ in 0..READY_WITHIN {
        if let Ok(Some(status)) = running.0.try_wait() {
            let log = std::fs::read_to_string(state.path().join("log")).unwrap_or_default();
            anyhow::bail!("the gateway of the simulation ended with {status}:\n{log}");
        }
        if let Some(gateway) = Client::connect(dir).await {
            // Its drones are heard a moment later.
            let told = ask(&gateway, "check", plan.clone().into(), None).await?;
            let is_met = !text(&told["plan"]["why"]).contains("not connected");
            if is_met {
                if told["plan"]["state"] == "refused" {
                    return Ok(judged(&told["plan"]));
                }
                return fly(&gateway, plan).await;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    anyhow::bail!("the simulated drones were not heard in time")
}

/// A gateway's child; it ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The configuration of a gateway that has the same drones, simulated, on loopback alone.
fn simulating(config: &Config, dir: &Path) -> anyhow::Result<Config> {
    let spare = || -> anyhow::Result<u16> {
        Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port())
    };
    let mut made = Config::default();
    made.storage.dir = dir.join("state");
    made.recording.max_bytes = 0;
    made.server.listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    made.drones = config.drones.clone();
    let drones = &mut made.drones;
    (drones.mode, drones.down) = (DroneMode::Simulation, Down::Land);
    drones.bind = Ipv4Addr::LOCALHOST.into();
    (drones.state_port, drones.video_port, drones.command_port) = (spare()?, spare()?, spare()?);
    drones.auto_scan_interval_s = 0;
    drones.connect_at_start = true;
    for drone in &mut drones.drone {
        drone.mode = Some(DroneMode::Simulation);
        (
            drone.address,
            drone.interface,
            drone.command_port,
            drone.serial,
        ) = (None, None, None, None);
    }
    Ok(made)
}
