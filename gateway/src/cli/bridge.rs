//! `bridge`: the serial line to a microcontroller, for people.

use anyhow::Context as _;
use firmware_bridge::host::{HostLink, LinkConfig, LinkEvent, PortSelector, available_ports};
use firmware_bridge::monitor;

use super::args::BridgeCommand;

pub(super) fn bridge(command: &BridgeCommand) -> anyhow::Result<()> {
    match command {
        BridgeCommand::List => {
            let ports = available_ports();
            if ports.is_empty() {
                println!("No serial port. Plug the board in; USB boards appear as /dev/ttyACM* or /dev/ttyUSB*.");
            }
            for port in ports {
                let usb = port.usb.map_or_else(String::new, |(vendor, product)| format!("{vendor:04x}:{product:04x}"));
                println!(
                    "{:<24} {usb:<10} {:<24} {}",
                    port.path.display(),
                    port.serial.unwrap_or_default(),
                    port.product.unwrap_or_default()
                );
            }
        }
        BridgeCommand::Monitor { port, baud } => watch(port, *baud)?,
        BridgeCommand::Decode { file } => {
            let capture = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let stats = monitor::decode_capture(&capture, |line| println!("{line}"));
            eprintln!("{stats:?}");
        }
    }
    Ok(())
}

/// Prints what the board says until Ctrl-C; a port that is not there, or goes
/// away, is said and waited for.
fn watch(port: &str, baud: u32) -> anyhow::Result<()> {
    let selector: PortSelector = port.parse()?;
    let mut known = None;
    let config = LinkConfig { baud, ..LinkConfig::new(selector) };
    let link = HostLink::spawn(config, move |event| {
        println!("{}", monitor::line(&event, known.as_deref()));
        if let LinkEvent::Connected { board } = event {
            known = Some(board);
        }
    })?;
    super::small_runtime()?.block_on(tokio::signal::ctrl_c())?;
    let stats = link.stats();
    link.stop();
    eprintln!("{stats:?}");
    Ok(())
}
