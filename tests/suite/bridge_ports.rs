//! What `check` and `bridge monitor` say of a port: of one that is none, of one that
//! another has, and of one that the running gateway has.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::{Gateway, eventually};
use serialport::{SerialPort as _, TTYPort};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::bridge_line::{bridge, quiet, section};

/// What `check` says of the bridge at `port`.
async fn checked(port: &Path) -> anyhow::Result<String> {
    let config = quiet() + &section("mast", port);
    let prepared = Gateway::builder().config(&config).prepare()?;
    let output = prepared.command(&["check"]).output().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find(|line| line.contains("bridge mast"));
    Ok(line.unwrap_or_else(|| panic!("{said}")).to_owned())
}

#[tokio::test]
async fn check_says_what_a_port_is_instead() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let directory = checked(dir.path()).await?;
    assert!(
        directory.starts_with("ERROR") && directory.contains("a directory and no serial port"),
        "{directory}"
    );
    let pipe = dir.path().join("pipe");
    std::process::Command::new("mkfifo").arg(&pipe).status()?;
    let pipe = checked(&pipe).await?;
    assert!(
        pipe.starts_with("ERROR") && pipe.contains("a named pipe and no serial port"),
        "{pipe}"
    );
    let (mut master, slave) = TTYPort::pair()?;
    master.set_timeout(Duration::from_millis(10))?;
    let noise = std::thread::spawn(move || {
        // Another program's protocol, until nobody listens; it waits for an answer.
        while master.write_all(&[0xff, 0x93, 0xe0, 0x1c, 0x80]).is_ok() {
            let _ = master.read(&mut [0; 16]);
        }
    });
    let said = checked(Path::new(&slave.name().unwrap())).await?;
    assert!(
        said.starts_with("ERROR") && said.contains("bytes arrive, but not ours"),
        "{said}"
    );
    drop(slave);
    // With both ends closed its writes fail; it need not be waited for.
    drop(noise);
    Ok(())
}

#[tokio::test]
async fn a_port_of_the_running_gateway_is_told_by_the_gateway() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let gateway = Gateway::builder()
        .config(&(quiet() + &section("mast", &port)))
        .start()
        .await?;
    let admin = gateway.admin()?;
    bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
    board.order("value battery_voltage 11.25").await?;
    let check = async || {
        let output = gateway.command(&["check"]).output().await?;
        anyhow::Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let said = check().await?;
    assert!(
        said.contains("simulated answers the running gateway"),
        "{said}"
    );

    let mut command = gateway.command(&["bridge", "monitor"]);
    command.arg(&port).stdout(Stdio::piped()).kill_on_drop(true);
    let mut monitor = command.spawn()?;
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await?.expect("it goes on");
        if line.contains("battery_voltage") && line.contains("11.250") {
            break;
        }
    }
    monitor.kill().await?;

    board.order("unplug").await?;
    eventually("check tells the loss", || async {
        let said = check().await?;
        Ok((said.contains("ERROR") && said.contains("no such serial port")).then_some(()))
    })
    .await
}
