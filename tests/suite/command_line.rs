//! The command line as an operator uses it.

use gateway_tests::{Gateway, eventually};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_broken_configuration_ends_with_2_and_the_line() -> anyhow::Result<()> {
    for (broken, wanted) in [
        ("[server]\nlisen = 1\n", "gateway.toml:"),
        ("[server]\nhttp_listen = \"0.0.0.0:80\"\n", "loopback"),
        (
            "[[alerts.rule]]\nname = \"x\"\nmetric = \"nothing\"\noperator = \">\"\nthreshold = 1\nlevel = \"info\"\n",
            "nothing",
        ),
        ("[logging]\nlevel = \"loud\"\n", "loud"),
        (
            "[[drones.drone]]\nid = \"a\"\n[[drones.drone]]\nid = \"b\"\n",
            "both have the address",
        ),
    ] {
        let prepared = Gateway::builder().prepare()?;
        std::fs::write(&prepared.file, broken)?;
        for subcommand in ["run", "check"] {
            let output = prepared.command(&[subcommand]).output().await?;
            let complaint = text(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{subcommand} {broken}: {complaint}"
            );
            assert!(
                complaint.contains(wanted) && complaint.contains("gateway.toml:"),
                "{complaint}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn check_says_what_a_start_would_find() -> anyhow::Result<()> {
    let prepared = Gateway::builder().drone("d1", 2).prepare()?;
    let _holder = tokio::net::UdpSocket::bind((prepared.block.gateway(), 8890)).await?;
    let output = prepared.command(&["check"]).output().await?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let found = text(&output.stdout);
    assert!(
        found.contains("UDP 8890") && found.contains(&std::process::id().to_string()),
        "{found}"
    );
    let json = prepared.command(&["check", "--json"]).output().await?;
    let found: serde_json::Value = serde_json::from_slice(&json.stdout)?;
    assert!(found["findings"].is_array(), "{found:#}");
    Ok(())
}

#[tokio::test]
async fn keys_work_while_the_gateway_runs_and_while_it_does_not() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    let output = gateway
        .command(&["keys", "create", "panel", "--permissions", "dashboard"])
        .output()
        .await?;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let key = text(&output.stdout).trim().to_owned();
    gateway
        .anonymous()?
        .with_key(&key)
        .get("/api/alerts")
        .await?
        .expect(200);
    gateway.stop().await?;

    let listed = gateway
        .command(&["keys", "list", "--json"])
        .output()
        .await?;
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout)?;
    let panel = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == "panel")
        .unwrap();
    let preview = panel["preview"].as_str().unwrap();
    let revoked = gateway
        .command(&["keys", "revoke", preview])
        .output()
        .await?;
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    gateway.restart().await?;
    gateway
        .anonymous()?
        .with_key(&key)
        .get("/api/alerts")
        .await?
        .expect(401);
    Ok(())
}

#[tokio::test]
async fn help_man_page_and_completions_come_from_one_table() -> anyhow::Result<()> {
    let run = |arguments: &'static [&'static str]| async move {
        tokio::process::Command::new(gateway_tests::gateway::binary())
            .args(arguments)
            .output()
            .await
    };
    let help = text(&run(&["--help"]).await?.stdout);
    let man = text(&run(&["man"]).await?.stdout);
    let bash = text(&run(&["completions", "bash"]).await?.stdout);
    for command in [
        "run", "demo", "check", "keys", "cert", "rules", "boards", "bridge", "diag", "backup",
        "restore", "status", "logs", "alerts", "config", "notify",
    ] {
        assert!(
            help.contains(command) && man.contains(command) && bash.contains(command),
            "{command}"
        );
    }
    assert_eq!(run(&["fly"]).await?.status.code(), Some(2));
    let pages = tempfile::tempdir()?;
    let made = tokio::process::Command::new(gateway_tests::gateway::binary())
        .args(["man", "--dir"])
        .arg(pages.path())
        .output()
        .await?;
    assert!(made.status.success(), "{}", text(&made.stderr));
    for page in ["", "-config-show", "-rules-add", "-notify-test"] {
        let page = pages.path().join(format!("mfg-drone-gateway{page}.1"));
        assert!(page.exists(), "{}", page.display());
    }
    Ok(())
}

#[tokio::test]
async fn boards_and_rules_and_certificates_are_shown() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let shown = gateway.command(&["cert", "show"]).output().await?;
    assert!(
        text(&shown.stdout).contains("SHA-256") && shown.status.success(),
        "{}",
        text(&shown.stderr)
    );
    let file = gateway.config_file().display().to_string();
    let binary = gateway_tests::gateway::binary();
    let rules = tokio::process::Command::new(binary)
        .args(["rules", "check", &file])
        .output()
        .await?;
    assert!(
        text(&rules.stdout).contains("Low Battery"),
        "{}",
        text(&rules.stderr)
    );
    let boards = tokio::process::Command::new(binary)
        .args(["boards", "--json"])
        .output()
        .await?;
    let boards: serde_json::Value = serde_json::from_slice(&boards.stdout)?;
    assert!(boards.is_object(), "{boards:#}");
    let diag = gateway.command(&["diag"]).output().await?;
    let bundle = text(&diag.stdout);
    assert!(
        diag.status.success() && bundle.contains("version"),
        "{}",
        text(&diag.stderr)
    );
    assert!(!bundle.contains(gateway_tests::gateway::ADMIN_KEY));
    Ok(())
}

/// As `sudo mfg-drone-gateway …` beside a service that has a user of its own.
#[tokio::test]
async fn what_root_does_to_the_state_directory_belongs_to_its_owner() -> anyhow::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    /// `nobody` and `nogroup` of Debian; any other than root would do.
    const OWNER: u32 = 65_534;
    // Files are given to another user here, which the system lets root do only.
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        gateway_tests::skipped("only root can act for another user");
        return Ok(());
    }
    let mut gateway = Gateway::builder().start().await?;
    gateway.stop().await?;
    let state = gateway.state();
    // The owner may enter the directory above, as /var/lib.
    let above = state.parent().unwrap();
    std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o755))?;
    let own = |dir: &std::path::Path| -> std::io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            chown(entry?.path(), Some(OWNER), Some(OWNER))?;
        }
        chown(dir, Some(OWNER), Some(OWNER))
    };
    own(&state.join("tls"))?;
    own(state)?;

    let backup = state.join("backup");
    for arguments in [
        &["cert", "renew"] as &[&str],
        &["keys", "create", "panel", "--permissions", "read"],
        &["backup", backup.to_str().unwrap()],
        &["restore", backup.to_str().unwrap()],
    ] {
        let output = gateway.command(arguments).output().await?;
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        for dir in [state, &state.join("tls")] {
            for entry in std::fs::read_dir(dir)? {
                let path = entry?.path();
                assert_eq!(
                    path.metadata()?.uid(),
                    OWNER,
                    "after {arguments:?}: {}",
                    path.display()
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_reads_no_further_is_no_failure() -> anyhow::Result<()> {
    let prepared = Gateway::builder().prepare()?;
    let plain = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(gateway_tests::gateway::binary());
        command.args(arguments);
        command
    };
    for mut command in [
        prepared.command(&["boards"]),
        prepared.command(&["rules", "list"]),
        plain(&["completions", "bash"]),
        plain(&["man"]),
    ] {
        let (read, write) = std::io::pipe()?;
        // Closed before a word is written.
        drop(read);
        let output = command.stdout(write).output().await?;
        let complaint = text(&output.stderr);
        assert!(
            output.status.success() && !complaint.contains("panicked"),
            "{command:?}: {complaint}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_gateway_whose_greeting_nobody_reads_serves_all_the_same() -> anyhow::Result<()> {
    let prepared = Gateway::builder().prepare()?;
    let (read, write) = std::io::pipe()?;
    drop(read);
    let mut running = prepared
        .command(&["run"])
        .stdout(write)
        .kill_on_drop(true)
        .spawn()?;
    eventually("it answers", || async {
        Ok(prepared
            .command(&["health"])
            .output()
            .await?
            .status
            .success()
            .then_some(()))
    })
    .await?;
    assert!(running.try_wait()?.is_none());
    Ok(())
}
