//! `bridge monitor` of a port that the running gateway has: what the gateway knows of the
//! board, each second.
//!
//! A serial port belongs to one program. Opening it beside the gateway would fail, or
//! reset the board; the gateway knows all that there is to see.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use firmware_bridge::host::PortSelector;

use super::monitor::{Form, redraw};
use crate::cli::args::ConfigArgs;
use crate::control::bridges::{self, BridgeState};

/// How often the gateway is asked.
const ASK: Duration = Duration::from_secs(1);

/// Shows what the gateway knows until Ctrl-C, or until it has the port no more. False: no
/// gateway has this port.
pub(super) fn watch(config: &ConfigArgs, port: &str, form: Form) -> anyhow::Result<bool> {
    let selector: PortSelector = port.parse()?;
    // What is wrong with a configuration is no reason not to look at a port.
    let Ok(loaded) = crate::cli::load(config) else {
        return Ok(false);
    };
    let dir = loaded.config.storage.dir;
    crate::cli::small_runtime()?.block_on(async {
        let asked = async || bridges::ask(&dir).await.and_then(|all| meant(all, port, &selector));
        let Some(mut state) = asked().await else {
            return Ok(false);
        };
        eprintln!(
            "the gateway that runs on {} has this port as bridge {}; this is what it knows, Ctrl-C ends",
            dir.display(),
            state.name
        );
        let mut ticks = tokio::time::interval(ASK);
        let (mut drawn, mut said) = (0, String::new());
        let ended = tokio::signal::ctrl_c();
        tokio::pin!(ended);
        loop {
            show(&state, form, &mut drawn, &mut said)?;
            tokio::select! {
                ended = &mut ended => return ended.map(|()| true).map_err(Into::into),
                _ = ticks.tick() => {}
            }
            let Some(now) = asked().await else {
                eprintln!("the gateway does not have this port any more");
                return Ok(true);
            };
            state = now;
        }
    })
}

/// The bridge that is meant by `port`: by the same selector, or by the port it leads to.
fn meant(all: Vec<BridgeState>, port: &str, selector: &PortSelector) -> Option<BridgeState> {
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let ports: Vec<PathBuf> = selector.resolve_all().into_iter().map(real).collect();
    all.into_iter().find(|bridge| {
        let has = bridge.port.as_ref().map(|port| real(port.into()));
        bridge.selector == port || has.is_some_and(|has| ports.contains(&has))
    })
}

fn show(
    state: &BridgeState,
    form: Form,
    drawn: &mut usize,
    said: &mut String,
) -> anyhow::Result<()> {
    match form {
        Form::Table => redraw(&table(state), drawn)?,
        Form::Json => println!("{}", serde_json::to_string(state)?),
        Form::Lines => {
            let now = table(state);
            if now != *said {
                print!("{now}");
            }
            *said = now;
        }
    }
    Ok(())
}

fn table(state: &BridgeState) -> String {
    let mut text = String::new();
    let board = state.board.as_deref().unwrap_or("no board yet");
    let port = state.port.as_deref().unwrap_or(&state.selector);
    let why = state.reason.as_deref().unwrap_or_default();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{} {port}: {board}  {why}", state.state);
    for sensor in &state.sensors {
        let value = sensor
            .value
            .map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let _ = writeln!(
            text,
            "{:<20} {value:>12} {:<4} {:<6} {}",
            sensor.name,
            sensor.unit,
            sensor.state,
            sensor.reason.as_deref().unwrap_or_default()
        );
    }
    let stop = match state.emergency_stop {
        Some(true) => "ENGAGED",
        Some(false) => "released",
        None => "unknown",
    };
    let lamp = state.indicator.as_deref().unwrap_or("unknown");
    let _ = writeln!(text, "emergency stop {stop}   lamp {lamp}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mast() -> BridgeState {
        BridgeState {
            name: "mast".to_owned(),
            selector: "2e8a:000a".to_owned(),
            port: Some("/dev/null".to_owned()),
            state: "live".to_owned(),
            reason: None,
            board: Some("rp2040-pico-1".to_owned()),
            firmware: None,
            emergency_stop: Some(true),
            indicator: None,
            sensors: Vec::new(),
        }
    }

    #[test]
    fn a_port_is_known_by_its_selector_and_by_where_it_leads() {
        let found = |port: &str| {
            let selector = port.parse().expect("a selector");
            meant(vec![mast()], port, &selector).is_some()
        };
        assert!(found("2e8a:000a") && found("/dev/null") && found("/dev/../dev/null"));
        assert!(!found("/dev/zero") && !found("2e8a:000b"));
        assert!(table(&mast()).contains("emergency stop ENGAGED   lamp unknown"));
    }
}
