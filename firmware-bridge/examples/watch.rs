//! Prints everything a board says, to see a cable work before the gateway does.
//!
//! ```text
//! cargo run -p firmware-bridge --features host --example watch -- PORT [SECONDS] [LEVEL]
//! ```
//!
//! PORT is a path, VID:PID, VID:PID:SERIAL or serial:NUMBER; LEVEL one of
//! clear, info, warning, critical, to try lamp and buzzer. Ends with the
//! link's counters.
#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]
#![expect(clippy::disallowed_methods, reason = "waits, and does nothing else")]

use std::error::Error;
use std::io::{self, BufRead};
use std::time::Duration;

use firmware_bridge::host::{HostLink, LinkConfig, LinkEvent, PortSelector};
use firmware_bridge::message::IndicatorLevel;
use firmware_bridge::monitor;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments
        .next()
        .ok_or("usage: watch PORT [SECONDS] [LEVEL]")?;
    let seconds = arguments.next().map(|text| text.parse()).transpose()?;
    let level = match arguments.next().as_deref() {
        None | Some("clear") => IndicatorLevel::Clear,
        Some("info") => IndicatorLevel::Info,
        Some("warning") => IndicatorLevel::Warning,
        Some("critical") => IndicatorLevel::Critical,
        Some(other) => return Err(format!("no such level: {other}").into()),
    };

    let selector: PortSelector = port.parse()?;
    let mut board = None;
    let link = HostLink::spawn(LinkConfig::new(selector), move |event| {
        println!("{}", monitor::line(&event, board.as_deref()));
        if let LinkEvent::Connected { board: known } = event {
            board = Some(known);
        }
    })?;
    link.set_indicator(level);
    match seconds {
        Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
        None => {
            println!("Enter ends.");
            io::stdin().lock().read_line(&mut String::new())?;
        }
    }
    let stats = link.stats();
    link.stop();
    println!("{stats:#?}");
    Ok(())
}
