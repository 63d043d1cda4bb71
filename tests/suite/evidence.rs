//! What is on record of attempts and commands, whatever happens next; and state that is
//! taken from under a running gateway.

use gateway_tests::{Client, Gateway, eventually};
use serde_json::Value;

async fn trail(admin: &Client) -> anyhow::Result<Vec<Value>> {
    let answer = admin
        .get("/api/security/audit?limit=1000")
        .await?
        .expect(200);
    Ok(answer.json()["events"]
        .as_array()
        .cloned()
        .unwrap_or_default())
}

/// How many lines of `event` the trail has.
fn of(trail: &[Value], event: &str) -> usize {
    trail.iter().filter(|line| line["event"] == event).count()
}

#[tokio::test]
async fn attempts_refusals_and_commands_are_on_record_at_once_and_after_a_kill()
-> anyhow::Result<()> {
    let mut gateway = Gateway::builder()
        .drone("d1", 2)
        .access("max_failed_attempts = 3")
        .start()
        .await?;
    let admin = gateway.admin()?;
    let wrong = gateway.anonymous()?.with_key("not-a-key-at-all");
    for _ in 0..4 {
        wrong.get("/api/alerts").await?;
    }
    gateway
        .reader()?
        .get("/api/security/api-keys")
        .await?
        .expect(403);
    admin.post("/api/drones/d1/takeoff").await?;
    let expected = |trail: &[Value]| {
        // The third failure is the lock-out.
        assert_eq!(of(trail, "key_failed"), 2, "{trail:#?}");
        assert_eq!(of(trail, "lockout"), 1, "{trail:#?}");
        assert_eq!(of(trail, "permission_refused"), 1, "{trail:#?}");
        assert_eq!(of(trail, "drone_command"), 1, "{trail:#?}");
    };
    expected(&trail(&admin).await?);
    gateway.kill().await?;
    gateway.restart().await?;
    expected(&trail(&admin).await?);
    // And an ordinary stop neither loses nor doubles them.
    assert!(gateway.stop().await?.success());
    gateway.restart().await?;
    expected(&trail(&admin).await?);
    Ok(())
}

#[tokio::test]
async fn a_flood_of_commands_leaves_room_for_the_lines_of_others() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let logs = format!("[logging]\ndir = {:?}\n", dir.path());
    let gateway = Gateway::builder()
        .drone("d1", 2)
        .config(&logs)
        .start()
        .await?;
    let admin = gateway.admin()?;
    let made = admin
        .post("/api/security/api-keys?name=loop&permissions=write,read")
        .await?
        .expect(200)
        .json();
    let key = made["api_key"].as_str().unwrap_or_default().to_owned();
    let busy = gateway.anonymous()?.with_key(&key);
    for _ in 0..80 {
        busy.post("/api/drones/d1/takeoff").await?;
    }
    admin.post("/api/drones/d1/land").await?;
    let trail = trail(&admin).await?;
    let by = |name: &str| {
        let commands = trail.iter().filter(|line| line["event"] == "drone_command");
        commands
            .filter(|line| {
                line["actor"]
                    .as_str()
                    .is_some_and(|actor| actor.contains(name))
            })
            .count()
    };
    assert!(by("loop") <= 30, "{} lines", by("loop"));
    assert_eq!(by("Admin"), 1, "{trail:#?}");
    Ok(())
}

#[tokio::test]
async fn a_state_directory_that_is_removed_loses_no_key_that_was_acknowledged() -> anyhow::Result<()>
{
    let mut gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let make = |name: &'static str| {
        let admin = admin.clone();
        async move {
            let path = format!("/api/security/api-keys?name={name}&permissions=read");
            admin.post(&path).await
        }
    };
    make("before").await?.expect(200);
    let (state, aside) = (
        gateway.state().to_owned(),
        gateway.state().with_extension("aside"),
    );
    std::fs::rename(&state, &aside)?;
    make("after").await?.expect(200);
    let keys = admin
        .get("/api/security/api-keys")
        .await?
        .expect(200)
        .text();
    assert!(keys.contains("before") && keys.contains("after"), "{keys}");
    eventually("it is told what is gone", async || {
        let alerts = admin.get("/api/alerts?limit=0").await?.expect(200).text();
        Ok(alerts.contains("removed").then_some(()))
    })
    .await?;
    gateway.kill().await?;
    // The device's certificates are not the store's to bring back.
    std::fs::rename(aside.join("tls"), state.join("tls"))?;
    gateway.restart().await?;
    let keys = gateway
        .admin()?
        .get("/api/security/api-keys")
        .await?
        .expect(200)
        .text();
    assert!(keys.contains("before") && keys.contains("after"), "{keys}");
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_taken_is_not_listened_on_and_shows_no_key() -> anyhow::Result<()> {
    let prepared = Gateway::builder().without_keys().prepare()?;
    let holder = tokio::net::TcpListener::bind((prepared.block.gateway(), 8443)).await?;
    let gateway = prepared.start().await?;
    let said = gateway.output();
    assert!(!said.contains("Listening on"), "{said}");
    assert!(
        said.contains("Not listening") && said.contains("8443"),
        "{said}"
    );
    let keys = std::fs::read_to_string(gateway.state().join("first-keys.txt"))?;
    for key in keys.lines().filter_map(|line| line.rsplit(' ').next()) {
        assert!(!said.contains(key), "a key is shown:\n{said}");
    }
    drop(holder);
    Ok(())
}

#[tokio::test]
async fn names_that_would_read_as_others_are_refused() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    for turned in ["a%E2%80%AEb", "a%E2%80%A8b", "a%E2%81%A6b", "a%0Ab"] {
        let path = format!("/api/security/api-keys?name={turned}&permissions=read");
        let status = admin.post(&path).await?.status.as_u16();
        assert!([400, 422].contains(&status), "{turned}: {status}");
    }
    Ok(())
}

#[tokio::test]
async fn browsers_are_told_to_forget_https_where_it_is_set_so() -> anyhow::Result<()> {
    const HEADER: &str = "strict-transport-security";
    let gateway = Gateway::builder().start().await?;
    let answer = gateway.anonymous()?.get("/health").await?;
    assert!(answer.header(HEADER).starts_with("max-age=31536000"));
    let gateway = Gateway::builder().server("hsts = false").start().await?;
    let answer = gateway.anonymous()?.get("/health").await?;
    assert_eq!(answer.header(HEADER), "max-age=0");
    Ok(())
}
