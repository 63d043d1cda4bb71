//! Flags, as somebody types them: each is read, does what its help says, and wins over
//! the environment, which wins over the file.

use std::collections::BTreeSet;
use std::process::Stdio;

use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::gateway::{Prepared, binary};
use gateway_tests::{Gateway, PATIENCE};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command without a configuration; what it printed.
async fn said(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(binary()).args(arguments).output().await?;
    let complaint = text(&output.stderr);
    anyhow::ensure!(output.status.success(), "{arguments:?}: {complaint}");
    Ok(text(&output.stdout))
}

/// Every flag that the help of `command` and of its subcommands tells of.
fn flags(command: &mut Vec<String>, found: &mut BTreeSet<String>) {
    let help = std::process::Command::new(binary())
        .args(command.iter())
        .arg("--help")
        .output()
        .unwrap();
    let help = text(&help.stdout);
    let mut in_commands = false;
    for line in help.lines() {
        let word = line.trim_start();
        let depth = line.len() - word.len();
        in_commands = match line {
            "Commands:" => true,
            "" => false,
            _ => in_commands,
        };
        if in_commands && depth == 2 {
            let name = word.split(' ').next().unwrap();
            if name != "help" {
                command.push(name.to_owned());
                flags(command, found);
                command.pop();
            }
        }
        let flag = word.split([' ', ',']).find(|word| word.starts_with("--"));
        if let Some(flag) = flag.filter(|_| word.starts_with('-')) {
            found.insert(flag.to_owned());
        }
    }
}

#[test]
fn every_flag_is_used_by_a_test() {
    let mut found = BTreeSet::new();
    flags(&mut Vec::new(), &mut found);
    assert!(found.len() > 30, "only {found:?}");
    let mut tests = String::new();
    let mut folders = ["tests/suite", "tests/src"]
        .map(crate::cross_config::repository)
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    let untested: Vec<_> = found
        .iter()
        .filter(|flag| !["--help", "--version"].contains(&flag.as_str()))
        .filter(|flag| !tests.contains(&format!("\"{flag}\"")))
        .collect();
    assert!(untested.is_empty(), "no test uses {untested:?}");
}

#[tokio::test]
async fn what_is_no_value_of_a_flag_is_wrong_usage_and_the_flag_is_named() -> anyhow::Result<()> {
    for arguments in [
        &["run", "--listen", "nonsense"] as &[&str],
        &["check", "--http-listen", "127.0.0.1"],
        &["demo", "--state-port", "65536"],
        &["demo", "--video-port", "x"],
        &["simulate", "--drones", "65"],
        &["simulate", "--battery", "101"],
        &["simulate", "--address", "drone"],
        &["simulate", "--sdk", "4.0"],
        &["simulate", "--station", "there"],
        &["simulate", "--drop", "101"],
        &["simulate", "--delay-ms", "10001"],
        &["keys", "create", "panel", "--expires-days", "soon"],
        &["bridge", "monitor", "serial:1", "--baud", "fast"],
        &["bridge", "flash", "a.uf2", "--baud", "fast"],
    ] {
        let output = Command::new(binary()).args(arguments).output().await?;
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {complaint}");
        let flag = arguments.iter().find(|word| word.starts_with("--"));
        assert!(complaint.contains(flag.unwrap()), "{complaint}");
    }
    Ok(())
}

/// What `check` found about `subject`, with these variables and flags.
async fn found(
    prepared: &Prepared,
    variables: &[(&str, &str)],
    flags: &[&str],
    subject: &str,
) -> anyhow::Result<String> {
    let mut command = prepared.command(&[&["check", "--json"], flags].concat());
    let output = command.envs(variables.iter().copied()).output().await?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let findings = report["findings"].as_array().unwrap();
    let all = findings.iter().filter(|found| found["subject"] == subject);
    Ok(all.map(|found| found["text"].to_string()).collect())
}

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() -> anyhow::Result<()> {
    let prepared = Gateway::builder().plain_http().prepare()?;
    let host = prepared.block.gateway();
    let dirs = tempfile::tempdir()?;
    let at = |port: u16| format!("{host}:{port}");
    let dir = |name: &str| dirs.path().join(name).display().to_string();
    // Flag, variable, subject; then what the file says, the variable, the flag.
    for (flag, variable, subject, values) in [
        (
            "--listen",
            "MFG_DRONE_SERVER__LISTEN",
            "server.listen",
            ["8443".to_owned(), at(8444), at(8445)],
        ),
        (
            "--http-listen",
            "MFG_DRONE_SERVER__HTTP_LISTEN",
            "server.http_listen",
            ["8000".to_owned(), at(8001), at(8002)],
        ),
        (
            "--state-dir",
            "MFG_DRONE_STORAGE__DIR",
            "storage.dir",
            [
                prepared.state.display().to_string(),
                dir("variable"),
                dir("flag"),
            ],
        ),
    ] {
        let [file, variable_value, flag_value] = &values;
        let variables = [(variable, variable_value.as_str())];
        for (variables, flags, wanted) in [
            (&[] as &[(&str, &str)], &[] as &[&str], file),
            (&variables, &[], variable_value),
            (&variables, &[flag, flag_value], flag_value),
            (&[], &[flag, flag_value], flag_value),
        ] {
            let text = found(&prepared, variables, flags, subject).await?;
            // Of a listener its port is told.
            let wanted = wanted.rsplit(':').next().unwrap();
            assert!(text.contains(wanted), "{flags:?} {variables:?}: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_level_that_a_flag_corrects_is_sound() -> anyhow::Result<()> {
    let prepared = Gateway::builder()
        .config("[logging]\nlevel = \"info\"")
        .prepare()?;
    let code = async |variable: &str, flags: &[&str]| -> anyhow::Result<_> {
        let mut command = prepared.command(&[&["check"], flags].concat());
        command.env("MFG_DRONE_LOGGING__LEVEL", variable);
        Ok(command.output().await?.status.code())
    };
    assert_eq!(code("loud", &[]).await?, Some(2));
    assert_eq!(code("loud", &["--log-level", "warn"]).await?, Some(0));
    assert_eq!(code("warn", &["--log-level", "loud"]).await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn the_file_of_the_flag_wins_over_that_of_the_environment() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (sound, broken) = (
        dir.path().join("sound.toml"),
        dir.path().join("broken.toml"),
    );
    std::fs::write(&sound, "")?;
    std::fs::write(&broken, "[server]\nlisen = 1\n")?;
    for (flag, refused) in [(None, true), (Some("--config"), false), (Some("-c"), false)] {
        let mut command = Command::new(binary());
        command
            .args(["rules", "list"])
            .env_clear()
            .env("MFG_DRONE_CONFIG", &broken);
        if let Some(flag) = flag {
            command.arg(flag).arg(&sound);
        }
        let output = command.output().await?;
        let complaint = text(&output.stderr);
        assert_eq!(
            complaint.contains("broken.toml:2:1"),
            refused,
            "{complaint}"
        );
        assert_eq!(output.status.code(), Some(if refused { 2 } else { 0 }));
    }
    Ok(())
}

#[tokio::test]
async fn a_key_ends_after_its_days_and_may_do_what_was_said() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let output = async |arguments: &[&str]| -> anyhow::Result<String> {
        let output = gateway.command(arguments).output().await?;
        anyhow::ensure!(output.status.success(), "{}", text(&output.stderr));
        Ok(text(&output.stdout))
    };
    output(&[
        "keys",
        "create",
        "guest",
        "-p",
        "read",
        "--expires-days",
        "2",
    ])
    .await?;
    output(&["keys", "create", "panel", "--permissions", "write"]).await?;
    let listed: Value = serde_json::from_str(&output(&["keys", "list", "--json"]).await?)?;
    let key = |name: &str| {
        let mut keys = listed.as_array().unwrap().iter();
        keys.find(|key| key["name"] == name).unwrap().clone()
    };
    let (guest, panel) = (key("guest"), key("panel"));
    assert_eq!(guest["permissions"], serde_json::json!(["read"]));
    assert!(guest["expires_at"].is_string() && panel["expires_at"].is_null());
    let table = output(&["keys", "list"]).await?;
    let day = &guest["expires_at"].as_str().unwrap()[..10];
    assert!(table.contains(day) && table.contains("guest"), "{table}");

    let locked: Value = serde_json::from_str(&output(&["lockouts", "list", "--json"]).await?)?;
    assert_eq!(locked, serde_json::json!([]));
    Ok(())
}

#[tokio::test]
async fn reports_are_written_where_they_are_wanted() -> anyhow::Result<()> {
    let prepared = Gateway::builder().prepare()?;
    let dir = tempfile::tempdir()?;
    for flag in ["--output", "-o"] {
        let file = dir.path().join(format!("report{flag}"));
        let path = file.to_str().unwrap();
        let output = prepared.command(&["diag", flag, path]).output().await?;
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).trim(), path);
        assert!(std::fs::read_to_string(&file)?.contains("==== configuration ===="));
    }
    // A profile of one's own, with a mistake: it is read from there.
    std::fs::write(
        dir.path().join("mine.toml"),
        "id = \"mine\"\nnaem = \"x\"\n",
    )?;
    let report = said(&["boards", "--profiles", dir.path().to_str().unwrap()]).await?;
    assert!(report.contains("mine.toml:2"), "{report}");
    let ports = said(&["bridge", "list", "--json"]).await?;
    for port in ports.lines() {
        assert!(
            serde_json::from_str::<Value>(port)?["path"].is_string(),
            "{port}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_capture_of_a_line_is_decoded_as_text_and_as_json() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("capture.hex");
    // A greeting of the host's, three bytes of garbage, and the beginning of something.
    let capture = "00 02 81 01 01 07 01 01 09 67 32 0a 00 00 14 01 02 00 48 65";
    std::fs::write(&file, capture)?;
    let path = file.to_str().unwrap();
    let objects = said(&["bridge", "decode", path, "--json"]).await?;
    let objects: Vec<Value> = objects
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(objects[0]["message"]["Hello"]["min"], 1);
    assert_eq!(objects[2]["error"], "cut off");
    let lines = said(&["bridge", "decode", path]).await?;
    assert_eq!(lines.lines().count(), objects.len(), "{lines}");

    let output = Command::new(binary())
        .args(["bridge", "decode", "-"])
        .stdin(std::fs::File::open(&file)?)
        .output()
        .await?;
    assert_eq!(text(&output.stdout), lines, "standard input is the same");
    Ok(())
}

#[tokio::test]
async fn a_line_is_monitored_as_text_and_as_json() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("board");
    let _board = SimulatedBoard::plug_in(&port).await?;
    for (form, greeting) in [
        ("--lines", "connected"),
        ("--json", "\"event\":\"connected\""),
    ] {
        let mut monitor = Command::new(binary())
            .args(["bridge", "monitor", port.to_str().unwrap()])
            .args(["--baud", "9600", form])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
        let first = timeout(PATIENCE, lines.next_line()).await??.unwrap();
        assert!(first.contains(greeting), "{form}: {first}");
        assert_eq!(
            serde_json::from_str::<Value>(&first).is_ok(),
            form == "--json"
        );
        monitor.kill().await?;
    }
    let both = ["bridge", "monitor", "serial:1", "--lines", "--json"];
    let refused = Command::new(binary()).args(both).output().await?;
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    Ok(())
}
