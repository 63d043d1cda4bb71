//! One judgement of the settings: what `run` refuses, `check` and a reload refuse,
//! in the same words and for the same reason.

use std::process::Stdio;

use gateway_tests::gateway::Prepared;
use gateway_tests::{Client, Gateway, PATIENCE, eventually};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; none for a gateway that was ready, and was stopped then.
    pub(crate) code: Option<i32>,
    /// What it said on standard error.
    pub(crate) complaint: String,
}

/// Runs `run` with further `flags` until it is ready or has ended.
pub(crate) async fn run(prepared: &Prepared, flags: &[&str]) -> anyhow::Result<Ended> {
    let dir = tempfile::tempdir()?;
    let socket = dir.path().join("notify");
    let notify = UnixDatagram::bind(&socket)?;
    let arguments = [&["run"], flags].concat();
    let mut child = prepared
        .command(&arguments)
        .current_dir(place_of(prepared))
        .env("NOTIFY_SOCKET", &socket)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut buffer = [0u8; 1024];
    let ready = async {
        loop {
            let length = notify.recv(&mut buffer).await?;
            if String::from_utf8_lossy(&buffer[..length]).contains("READY=1") {
                return anyhow::Ok(());
            }
        }
    };
    let code = tokio::select! {
        status = child.wait() => Some(status?.code().unwrap_or(-1)),
        outcome = timeout(PATIENCE, ready) => {
            outcome??;
            None
        }
    };
    child.start_kill().ok();
    let mut complaint = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut complaint).await?;
    }
    child.wait().await?;
    Ok(Ended { code, complaint })
}

/// A directory of the test's own, where relative paths lead.
fn place_of(prepared: &Prepared) -> &std::path::Path {
    prepared.file.parent().unwrap()
}

/// Runs `check` with further `flags`.
pub(crate) async fn check(prepared: &Prepared, flags: &[&str]) -> anyhow::Result<Ended> {
    let arguments = [&["check"], flags].concat();
    let mut command = prepared.command(&arguments);
    let output = command.current_dir(place_of(prepared)).output().await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended {
        code: output.status.code(),
        complaint: text(&output.stderr) + &text(&output.stdout),
    })
}

/// Both refuse, with `wanted` in their words.
async fn both_refuse(prepared: &Prepared, wanted: &str) -> anyhow::Result<()> {
    for ended in [run(prepared, &[]).await?, check(prepared, &[]).await?] {
        assert_eq!(ended.code, Some(2), "{wanted}: {}", ended.complaint);
        assert!(
            ended.complaint.contains(wanted) && ended.complaint.contains("gateway.toml:"),
            "{wanted} in {}",
            ended.complaint
        );
    }
    Ok(())
}

#[tokio::test]
async fn flags_are_judged_with_the_file() -> anyhow::Result<()> {
    let open = Gateway::builder()
        .access("profile = \"documented\"")
        .prepare()?;
    assert_eq!(run(&open, &[]).await?.code, None, "sound on loopback");
    for (flags, wanted) in [
        (["--listen", "0.0.0.0:0"], "access.profile"),
        (["--http-listen", "0.0.0.0:0"], "server.http_listen"),
        (["--log-level", "loud"], "logging.level"),
    ] {
        for ended in [run(&open, &flags).await?, check(&open, &flags).await?] {
            assert_eq!(ended.code, Some(2), "{flags:?}: {}", ended.complaint);
            assert!(
                ended.complaint.contains(wanted) && ended.complaint.contains(flags[0]),
                "{flags:?}: {}",
                ended.complaint
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_cannot_be_used_is_refused_by_check_as_well() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "from a file")?;
    let local = "url = \"http://127.0.0.1:9/hook\"";
    for (lines, wanted) in [
        (
            "url = \"https://192.0.2.7/hook\"".to_owned(),
            "notify.allow",
        ),
        (
            format!("{local}\nsecret_file = \"/nowhere/secret\""),
            "/nowhere/secret",
        ),
        (
            format!("{local}\nsecret = \"x\"\nsecret_file = {secret:?}"),
            "secret and secret_file",
        ),
        (format!("{local}\nmin_level = \"loud\""), "min_level"),
        (format!("{local}\nca = \"/nowhere/ca.pem\""), "/nowhere/ca"),
    ] {
        let prepared = Gateway::builder()
            .config(&format!(
                "[[notify.webhook]]\nname = \"site\"\n{lines}\n[notify]\n"
            ))
            .prepare()?;
        both_refuse(&prepared, wanted).await?;
    }
    Ok(())
}

#[tokio::test]
async fn certificates_that_cannot_be_served_are_refused_by_check_as_well() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (cert, key) = (dir.path().join("site.pem"), dir.path().join("site.key"));
    std::fs::write(&cert, "nonsense")?;
    std::fs::write(&key, "nonsense")?;
    // One that is gone or over is none of these: the device's own takes its place.
    for (lines, wanted) in [
        (format!("cert = {cert:?}\nkey = {key:?}"), "site.pem"),
        (
            "client_ca = \"/nowhere/clients.pem\"".to_owned(),
            "/nowhere/clients",
        ),
        ("names = [\"gärten.example\"]".to_owned(), "gärten.example"),
    ] {
        let prepared = Gateway::builder()
            .config(&format!("[tls]\n{lines}"))
            .prepare()?;
        both_refuse(&prepared, wanted).await?;
    }
    Ok(())
}

#[tokio::test]
async fn first_keys_that_cannot_be_used_are_refused_by_check_as_well() -> anyhow::Result<()> {
    for (key, wanted) in [
        ("short", "fewer than"),
        ("mfg-drone-admin-key-2024", "public documents"),
        ("a key with spaces in it", "printable"),
    ] {
        let prepared = Gateway::builder()
            .env("MFG_DRONE_ADMIN_KEY", key)
            .prepare()?;
        for ended in [run(&prepared, &[]).await?, check(&prepared, &[]).await?] {
            assert_eq!(ended.code, Some(2), "{key}: {}", ended.complaint);
            assert!(ended.complaint.contains(wanted), "{}", ended.complaint);
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_fault_is_told_at_once() -> anyhow::Result<()> {
    let prepared = Gateway::builder()
        .server("idle_timeout_s = 0")
        .config(
            "[logging]\nlevel = \"loud\"\n[upstream]\nurl = \"ftp://x\"\n\
             [[notify.webhook]]\nname = \"a\"\nurl = \"http://192.0.2.1/\"\n\
             [[notify.webhook]]\nname = \"a\"\nurl = \"nothing\"\n[notify]\n",
        )
        .prepare()?;
    let ended = check(&prepared, &[]).await?;
    assert_eq!(ended.code, Some(2));
    for wanted in [
        "server.idle_timeout_s",
        "logging.level",
        "upstream.url",
        "notify.webhook.0",
        "notify.webhook.1",
    ] {
        assert!(
            ended.complaint.contains(wanted),
            "{wanted} in {}",
            ended.complaint
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_reload_does_not_open_what_a_start_would_refuse() -> anyhow::Result<()> {
    let prepared = Gateway::builder().plain_http().prepare()?;
    let text = std::fs::read_to_string(&prepared.file)?;
    let loopback = format!("\"{}:8443\"", prepared.block.gateway());
    // The listener is off loopback and stays there until a restart.
    std::fs::write(&prepared.file, text.replace(&loopback, "\"0.0.0.0:0\""))?;
    let gateway = prepared.start().await?;
    // Sound by itself: an open profile on loopback.
    let open = text.replace("[access]", "[access]\nprofile = \"documented\"");
    std::fs::write(gateway.config_file(), open)?;
    gateway.signal("HUP").await?;
    eventually("the refusal in the log", || async {
        Ok(gateway.output().contains("not reloaded").then_some(()))
    })
    .await?;
    Client::plain(gateway.plain_address())
        .get("/api/drones")
        .await?
        .expect(401);
    Ok(())
}

#[tokio::test]
async fn a_list_under_its_short_name_is_refused_with_the_right_one() -> anyhow::Result<()> {
    let prepared = Gateway::builder().prepare()?;
    for (written, wanted) in [
        ("[[drone]]\nid = \"a\"\n", "[[drones.drone]]"),
        ("[[webhook]]\nname = \"a\"\n", "[[notify.webhook]]"),
        ("[[rule]]\nname = \"a\"\n", "[[alerts.rule]]"),
        ("lockout = false\n", "[access]"),
    ] {
        std::fs::write(&prepared.file, written)?;
        both_refuse(&prepared, wanted).await?;
    }
    Ok(())
}
