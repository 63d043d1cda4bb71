//! SIGHUP: what takes effect, what is named as needing a restart, what a broken
//! file does.

use gateway_tests::{Gateway, eventually};

#[tokio::test]
async fn rules_limits_and_origins_take_effect() -> anyhow::Result<()> {
    // Fails at the setting that does not take effect.
    let gateway = Gateway::builder().start().await?;
    let text = std::fs::read_to_string(gateway.config_file())?;
    let text = text
        .replace("[access]", "[access]\nmax_failed_attempts = 42")
        .replace(
            "[server]",
            "[server]\ncors_origins = [\"https://new.example\"]\nmax_connections = 99",
        );
    let text = format!(
        "{text}\n[[alerts.rule]]\nname = \"Fresh\"\nmetric = \"cpu_usage\"\noperator = \">\"\nthreshold = 99.9\nlevel = \"info\"\n"
    );
    std::fs::write(gateway.config_file(), text)?;
    gateway.signal("HUP").await?;
    let admin = gateway.admin()?;
    eventually("the new rule", || async {
        let rules = admin.get("/api/alerts/rules").await?.expect(200).json();
        Ok(rules["rules"]
            .as_array()
            .unwrap()
            .iter()
            .any(|rule| rule["name"] == "Fresh")
            .then_some(()))
    })
    .await?;
    // The parts of a reload take effect one after another.
    eventually("the new limit", || async {
        let config = admin.get("/api/security/config").await?.expect(200).json();
        Ok((config["max_failed_attempts"] == 42).then_some(()))
    })
    .await?;
    let browser = admin.clone().with_header("origin", "https://new.example");
    eventually("the new origin", || async {
        let answer = browser.get("/health").await?;
        Ok((answer.header("access-control-allow-origin") == "https://new.example").then_some(()))
    })
    .await?;
    eventually("the key that needs a restart in the log", || async {
        Ok(gateway
            .output()
            .contains("server.max_connections")
            .then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_is_named() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let before = admin.get("/api/security/config").await?.expect(200).json();
    // The good setting goes with the broken one.
    std::fs::write(
        gateway.config_file(),
        "[access]\nmax_failed_attempts = 42\n[server]\nlisen = 3\n",
    )?;
    gateway.signal("HUP").await?;
    eventually("the refusal in the log", || async {
        let output = gateway.output();
        Ok((output.contains("gateway.toml:4:1") && output.contains("lisen")).then_some(()))
    })
    .await?;
    assert_eq!(
        admin.get("/api/security/config").await?.expect(200).json(),
        before
    );
    Ok(())
}

#[tokio::test]
async fn security_events_are_in_their_own_log_without_keys() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let gateway = Gateway::builder()
        .config(&format!(
            "[logging]\ndir = {:?}\nformat = \"json\"",
            dir.path()
        ))
        .start()
        .await?;
    let admin = gateway.admin()?;
    let wrong = "wrong-but-secret-looking-key";
    gateway
        .anonymous()?
        .with_key(wrong)
        .get("/api/alerts")
        .await?
        .expect(401);
    gateway
        .reader()?
        .get("/api/security/config")
        .await?
        .expect(403);
    let made = admin
        .post("/api/security/api-keys?name=Logged&permissions=read")
        .await?
        .expect(200)
        .json();
    let key = made["api_key"].as_str().unwrap();
    admin
        .delete(&format!("/api/security/api-keys/{key}"))
        .await?
        .expect(200);
    let log = dir.path().join("security.log");
    let text = eventually("five events", || async {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let all = [
            "key_failed",
            "permission_refused",
            "key_created",
            "key_revoked",
        ];
        Ok(all.iter().all(|event| text.contains(event)).then_some(text))
    })
    .await?;
    for line in text.lines() {
        let _: serde_json::Value = serde_json::from_str(line)?;
    }
    for file in std::fs::read_dir(dir.path())?.flatten() {
        let text = std::fs::read_to_string(file.path())?;
        for secret in [wrong, key, gateway_tests::gateway::ADMIN_KEY] {
            assert!(
                !text.contains(secret),
                "{} holds a key",
                file.path().display()
            );
        }
    }
    Ok(())
}
