//! Start, stop, kill, start again: what stays and what is said.

use gateway_tests::{Gateway, GatewayBuilder, eventually};

#[tokio::test]
async fn the_first_start_prints_url_fingerprint_and_keys_once() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().without_keys().start().await?;
    let first = gateway.output();
    let keys: Vec<&str> = first
        .split_whitespace()
        .filter(|word| word.starts_with("mfg-drone-") && word.len() == 53)
        .collect();
    assert_eq!(keys.len(), 2, "{first}");
    assert!(
        first.contains("https://") && first.contains("SHA-256"),
        "{first}"
    );
    let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
    answers(&gateway, &keys[0], "/api/security/config", 200).await?;
    answers(&gateway, &keys[1], "/api/alerts", 200).await?;
    answers(&gateway, &keys[1], "/api/security/config", 403).await?;

    assert!(gateway.stop().await?.success());
    gateway.restart().await?;
    let second = gateway.output()[first.len()..].to_owned();
    assert!(
        keys.iter().all(|key| !second.contains(key.as_str())),
        "keys are shown again:\n{second}"
    );
    answers(&gateway, &keys[0], "/api/security/config", 200).await?;
    // Nothing in the state directory holds a key in clear, save the file that
    // the first start wrote for the operator.
    for entry in walk(gateway.state()) {
        let bytes = std::fs::read(&entry)?;
        let clear = keys.iter().any(|key| {
            bytes
                .windows(key.len())
                .any(|window| window == key.as_bytes())
        });
        assert_eq!(
            clear,
            entry.ends_with("first-keys.txt"),
            "{}",
            entry.display()
        );
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&entry)?.permissions().mode() & 0o777;
        assert!(
            mode & 0o077 == 0 || entry.ends_with("tls/ca.pem"),
            "{} is {mode:o}",
            entry.display()
        );
    }
    Ok(())
}

#[tokio::test]
async fn first_keys_that_cannot_be_filed_are_shown_all_the_same() -> anyhow::Result<()> {
    let prepared = Gateway::builder().without_keys().prepare()?;
    // (Not a permission: who may do everything may write it.)
    std::fs::create_dir_all(prepared.state.join("first-keys.txt"))?;
    let gateway = prepared.start().await?;
    let said = gateway.output();
    assert!(said.contains("Write them down now"), "{said}");
    let key = said
        .lines()
        .find_map(|line| line.strip_prefix("Admin key: "));
    let key = key.expect("the admin key").trim();
    answers(&gateway, key, "/api/security/config", 200).await
}

/// The route answers whoever has that key so.
async fn answers(gateway: &Gateway, key: &str, path: &str, status: u16) -> anyhow::Result<()> {
    let client = gateway.anonymous()?.with_key(key);
    client.get(path).await?.expect(status);
    Ok(())
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.extend(walk(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files
}

fn any_memory() -> GatewayBuilder {
    Gateway::builder().config(
        "[[alerts.rule]]\nname = \"Any Memory\"\nmetric = \"memory_usage\"\noperator = \">=\"\nthreshold = 0.1\nlevel = \"error\"\n",
    )
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() -> anyhow::Result<()> {
    let mut gateway = any_memory().start().await?;
    let admin = gateway.admin()?;
    let id = eventually("the alert", || async {
        let alerts = admin
            .get("/api/alerts?level=error")
            .await?
            .expect(200)
            .json();
        Ok(alerts["alerts"][0]["id"].as_str().map(str::to_owned))
    })
    .await?;
    admin
        .post(&format!("/api/alerts/{id}/acknowledge"))
        .await?
        .expect(200);
    let key = admin
        .post("/api/security/api-keys?name=Kept&permissions=dashboard")
        .await?
        .expect(200)
        .json()["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    gateway.kill().await?;
    gateway.restart().await?;
    let client = gateway.anonymous()?.with_key(&key);
    let alerts = client.get("/api/alerts?limit=0").await?.expect(200).json();
    let kept: Vec<_> = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["id"] == id.as_str())
        .collect();
    assert_eq!(kept.len(), 1, "{alerts:#}");
    assert_eq!(kept[0]["acknowledged"], true);
    // The condition still stands: the same alert goes on, none is added.
    let again = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["title"] == "Any Memory")
        .count();
    assert_eq!(again, 1, "{alerts:#}");
    Ok(())
}

#[tokio::test]
async fn a_second_gateway_on_the_same_state_is_refused() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let other = Gateway::builder().state(gateway.state()).prepare()?;
    let output = other.command(&["run"]).output().await?;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains(&gateway.state().display().to_string()),
        "{text}"
    );
    assert!(text.contains(&gateway.pid().unwrap().to_string()), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_stop_lets_requests_in_flight_end() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    let client = gateway.reader()?;
    // An open, idle connection must not hold the stop up.
    let _idle = client.connect().await?;
    let busy: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                client
                    .get("/api/performance/summary")
                    .await
                    .map(|answer| answer.status)
            })
        })
        .collect();
    for task in busy {
        assert_eq!(task.await??, 200);
    }
    assert!(gateway.stop().await?.success(), "{}", gateway.output());
    Ok(())
}
