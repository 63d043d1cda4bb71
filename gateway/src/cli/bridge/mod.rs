//! `bridge`: the serial line to a microcontroller, for people.

mod decode;
mod flash;
mod monitor;
mod simulate;
mod uf2;
mod watched;

use firmware_bridge::host::available_ports;
use serde_json::json;

use super::args::BridgeCommand;
use flash::Wanted;

pub(super) fn bridge(command: &BridgeCommand) -> anyhow::Result<()> {
    match command {
        BridgeCommand::List { json } => list(*json),
        BridgeCommand::Monitor {
            config,
            port,
            baud,
            lines,
            json,
        } => {
            let form = monitor::Form::wanted(*lines, *json);
            if !watched::watch(config, port, form)? {
                monitor::monitor(port, *baud, form)?;
            }
        }
        BridgeCommand::Decode { file, json } => decode::decode(file, *json)?,
        BridgeCommand::Simulate { link } => simulate::simulate(link.clone())?,
        BridgeCommand::Flash {
            file,
            port,
            baud,
            volume,
        } => {
            flash::flash(&Wanted {
                file,
                port: port.as_deref(),
                baud: *baud,
                volume: volume.as_deref(),
            })?;
        }
    }
    Ok(())
}

fn list(json: bool) {
    let ports = available_ports();
    if ports.is_empty() {
        // Not among the ports: a script that counts lines must count none.
        eprintln!(
            "No serial port. Plug the board in; USB boards appear as /dev/ttyACM* or /dev/ttyUSB*."
        );
    }
    for port in ports {
        let usb = port
            .usb
            .map(|(vendor, product)| format!("{vendor:04x}:{product:04x}"));
        if json {
            let port = json!({ "path": port.path, "usb": usb, "serial": port.serial, "product": port.product });
            println!("{port}");
            continue;
        }
        println!(
            "{:<24} {:<10} {:<24} {}",
            port.path.display(),
            usb.unwrap_or_default(),
            port.serial.unwrap_or_default(),
            port.product.unwrap_or_default()
        );
    }
}
