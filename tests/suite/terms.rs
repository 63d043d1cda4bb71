//! Terms of keys on a board that does not know the time yet.

use std::path::{Path, PathBuf};

use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::{Client, Gateway, GatewayBuilder, eventually};
use http::Method;
use serde_json::json;

/// A clock of the gateway's own, set from outside.
struct FalseClock {
    dir: tempfile::TempDir,
    library: String,
}

impl FalseClock {
    /// None, said aloud, where there is no libfaketime.
    fn new() -> Option<FalseClock> {
        let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
            .map(|arch| format!("/usr/lib/{arch}/faketime/libfaketime.so.1"));
        let library = places.into_iter().find(|path| Path::new(path).exists());
        if library.is_none() {
            gateway_tests::skipped("no libfaketime; install the Debian package `faketime`");
        }
        let dir = tempfile::tempdir().unwrap();
        library.map(|library| FalseClock { dir, library })
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("clock")
    }

    /// Written aside and renamed: the library must not read half of it.
    fn set(&self, offset: &str) {
        let next = self.dir.path().join("next");
        std::fs::write(&next, offset).unwrap();
        std::fs::rename(next, self.file()).unwrap();
    }

    fn gateway(&self) -> GatewayBuilder {
        Gateway::builder()
            .plain_http()
            // Nothing but this clock says what time it is.
            .config("[board]\nenabled = false\n")
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file().to_str().unwrap())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

fn client(gateway: &Gateway, key: &str) -> Client {
    Client::plain(gateway.plain_address()).with_key(key)
}

/// A new key for so many days, in clear.
async fn key(admin: &Client, name: &str, days: u32) -> anyhow::Result<String> {
    let path = format!(
        "/api/security/api-keys?name={name}&permissions=read,dashboard&expires_days={days}"
    );
    let made = admin.post(&path).await?.expect(200).json();
    Ok(made["api_key"].as_str().unwrap().to_owned())
}

async fn status(gateway: &Gateway, key: &str) -> anyhow::Result<u16> {
    let answer = client(gateway, key).get("/api/alerts").await?;
    Ok(answer.status.as_u16())
}

#[tokio::test]
async fn a_term_that_began_without_a_clock_begins_when_it_is_set() -> anyhow::Result<()> {
    let Some(clock) = FalseClock::new() else {
        return Ok(());
    };
    clock.set("-20000d");
    let mut gateway = clock.gateway().start().await?;
    let admin = client(&gateway, ADMIN_KEY);
    let made = key(&admin, "tablet", 30).await?;
    assert_eq!(status(&gateway, &made).await?, 200);
    clock.set("+0");
    eventually("a term that begins now", || async {
        let listed = admin
            .get("/api/security/api-keys")
            .await?
            .expect(200)
            .json();
        let keys = listed["api_keys"].as_object().unwrap();
        let tablet = keys.values().find(|key| key["name"] == "tablet").unwrap();
        let year = |text: &str| text[..4].parse::<u32>().unwrap_or(0);
        Ok((year(tablet["expires_at"].as_str().unwrap()) > 2024).then_some(()))
    })
    .await?;
    assert_eq!(status(&gateway, &made).await?, 200);
    // A later correction moves no term.
    clock.set("+31d");
    eventually("the end of the term", || async {
        Ok((status(&gateway, &made).await? == 401).then_some(()))
    })
    .await?;
    clock.set("+0");
    gateway.kill().await?;
    gateway.restart().await?;
    Ok(())
}

#[tokio::test]
async fn a_key_that_has_expired_does_not_live_again_in_1970() -> anyhow::Result<()> {
    let Some(clock) = FalseClock::new() else {
        return Ok(());
    };
    clock.set("+0");
    let mut gateway = clock.gateway().start().await?;
    let admin = client(&gateway, ADMIN_KEY);
    let made = key(&admin, "tablet", 1).await?;
    let body = json!({ "key": made });
    let anonymous = Client::plain(gateway.plain_address());
    let signed_in = anonymous.json(Method::POST, "/api/session", &body).await?;
    let cookie = signed_in.expect(200).header("set-cookie").to_owned();
    let cookie = cookie.split(';').next().unwrap_or_default();
    // (Over a restart: a jump of a clock that nobody has set would begin the term anew.)
    gateway.kill().await?;
    clock.set("+3d");
    gateway.restart().await?;
    assert_eq!(status(&gateway, &made).await?, 401);
    // The browser that signed in with it hears why it is signed out.
    let browser = Client::plain(gateway.plain_address()).with_header("cookie", cookie);
    let over = browser.get("/api/session").await?.expect(401).json();
    assert_eq!(over["error_code"], "KEY_EXPIRED");
    gateway.kill().await?;
    clock.set("-20000d");
    gateway.restart().await?;
    assert_eq!(
        status(&gateway, &made).await?,
        401,
        "it is no earlier than what is on record"
    );
    assert_eq!(status(&gateway, ADMIN_KEY).await?, 200);
    Ok(())
}

#[tokio::test]
async fn a_person_says_that_the_time_is_right_or_hears_how_wrong_it_is() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let health = gateway
        .anonymous()?
        .get("/health")
        .await?
        .expect(200)
        .json();
    let now = health["timestamp"].as_str().unwrap();
    let say = async |client: &Client, time: &str| {
        let path = format!("/api/system/time?time={time}");
        anyhow::Ok(client.post(&path).await?)
    };
    say(&gateway.reader()?, now).await?.expect(403);
    let admin = gateway.admin()?;
    say(&admin, "noon").await?.expect(400);
    let refused = say(&admin, "2020-01-01T00:00:00Z")
        .await?
        .expect(409)
        .text();
    assert!(refused.contains("timedatectl"), "{refused}");
    let told = say(&admin, now).await?.expect(200).json();
    assert!(
        told["difference_s"]
            .as_f64()
            .is_some_and(|by| by.abs() < 120.0),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn a_certificate_made_without_a_clock_is_replaced_when_it_is_set() -> anyhow::Result<()> {
    let Some(clock) = FalseClock::new() else {
        return Ok(());
    };
    clock.set("-20000d");
    let gateway = clock.gateway().start().await?;
    let made = || gateway.output().matches("made a new certificate").count();
    assert_eq!(made(), 1, "{}", gateway.output());
    clock.set("+0");
    eventually("another certificate", || async {
        Ok((made() == 2).then_some(()))
    })
    .await
}
