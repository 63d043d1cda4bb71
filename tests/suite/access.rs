//! Who may do what, and how often.

use gateway_tests::{Client, Gateway};
use http::Method;

async fn status(client: &Client, method: &str, path: &str) -> anyhow::Result<u16> {
    Ok(client
        .send(Method::try_from(method)?, path, None)
        .await?
        .status
        .as_u16())
}

#[tokio::test]
async fn odd_encodings_do_not_open_a_door() -> anyhow::Result<()> {
    let gateway = Gateway::builder().access("lockout = false").start().await?;
    let anonymous = gateway.anonymous()?;
    for path in [
        "/api/alerts/",
        "/api/%61lerts",
        "/api/./alerts",
        "/api/x/../alerts",
        "//api/alerts",
        "/api/alerts%2f",
        "/API/alerts",
        "/api/alerts?x-api-key=test-admin-key-0123456789abcdef",
        "/api/alerts;a=b",
    ] {
        let got = status(&anonymous, "GET", path).await?;
        assert!([307, 308, 400, 401, 404].contains(&got), "{path}: {got}");
    }
    // The scheme of another world is not a key.
    let bearer = gateway
        .anonymous()?
        .with_header("authorization", "Bearer test-admin-key-0123456789abcdef");
    assert_eq!(status(&bearer, "GET", "/api/alerts").await?, 401);
    // Method override headers are not honoured.
    let override_header = gateway
        .reader()?
        .with_header("x-http-method-override", "DELETE");
    assert_eq!(
        status(&override_header, "GET", "/api/performance/cache/stats").await?,
        200
    );
    Ok(())
}

#[tokio::test]
async fn wrong_keys_lock_an_address_out_but_never_a_valid_key() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("max_failed_attempts = 3")
        .start()
        .await?;
    let wrong = gateway.anonymous()?.with_key("not-a-key-at-all");
    let missing = gateway.anonymous()?;
    for _ in 0..10 {
        assert_eq!(status(&missing, "GET", "/api/alerts").await?, 401);
    }
    for attempt in 1..=3 {
        assert_eq!(
            status(&wrong, "GET", "/api/alerts").await?,
            401,
            "attempt {attempt}"
        );
    }
    let blocked = wrong.get("/api/alerts").await?.expect(403);
    assert_eq!(blocked.json()["error_code"], "IP_BLOCKED");
    assert!(
        blocked.header("retry-after").parse::<u64>()? > 3000,
        "{:?}",
        blocked.headers
    );
    assert_eq!(status(&gateway.reader()?, "GET", "/api/alerts").await?, 200);
    let log = gateway.admin()?.get("/metrics").await?.expect(200).text();
    assert!(log.contains("mfg_drone_access_locked_out 1"), "{log}");
    Ok(())
}

#[tokio::test]
async fn rate_limits_are_the_documented_ones() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let anonymous = gateway.anonymous()?;
    // 100 in parallel are within the limits of /health.
    let many = (0..100).map(|_| {
        let client = anonymous.clone();
        async move {
            client
                .get("/health")
                .await
                .map(|answer| answer.status.as_u16())
        }
    });
    for status in futures_util::future::join_all(many).await {
        assert_eq!(status?, 200);
    }
    for call in 1..=100 {
        let answer = anonymous.get("/").await?;
        assert_eq!(answer.status, 200, "call {call}");
        assert_eq!(answer.header("ratelimit-limit"), "100");
    }
    // The bucket refills once a minute, which may fall among these calls.
    let mut refused = None;
    for _ in 0..100 {
        let answer = anonymous.get("/").await?;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the limit is enforced");
    assert!(refused.header("retry-after").parse::<u64>()? >= 1);
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert!(
        refused.json()["message"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("rate limit exceeded: 100 per 1 minute")
    );
    Ok(())
}

#[tokio::test]
async fn a_key_counts_its_use_and_expires_by_the_listing() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let made = admin
        .post("/api/security/api-keys?name=Counted&permissions=dashboard&expires_days=1")
        .await?;
    let key = made.expect(200).json()["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let client = gateway.anonymous()?.with_key(&key);
    for _ in 0..3 {
        client.get("/api/alerts").await?.expect(200);
    }
    let keys = admin.get("/api/security/api-keys").await?.expect(200);
    assert!(!keys.text().contains(&key), "the listing shows a key");
    let keys = keys.json();
    let (preview, entry) = keys["api_keys"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, entry)| entry["name"] == "Counted")
        .unwrap();
    assert_eq!(entry["usage_count"], 3);
    assert!(entry["expires_at"].is_string() && entry["last_used"].is_string());
    admin
        .delete(&format!("/api/security/api-keys/{preview}"))
        .await?
        .expect(200);
    client.get("/api/alerts").await?.expect(401);
    Ok(())
}

#[tokio::test]
async fn the_documented_profile_opens_what_existing_clients_read() -> anyhow::Result<()> {
    // `expect` fails with the answer when its status is another.
    let gateway = Gateway::builder()
        .access("profile = \"documented\"")
        .plain_http()
        .start()
        .await?;
    let plain = Client::plain(gateway.plain_address());
    plain.get("/api/system/health").await?.expect(200);
    plain.get("/api/system/status").await?.expect(200);
    plain.get("/api/dashboard/system").await?.expect(401);
    plain.get("/api/alerts").await?.expect(401);
    Ok(())
}

/// Presents wrong keys until the address is locked out.
async fn locked_out(gateway: &Gateway) -> anyhow::Result<()> {
    let wrong = gateway.anonymous()?.with_key("not-a-key-at-all");
    for _ in 0..3 {
        wrong.get("/api/alerts").await?.expect(401);
    }
    wrong.get("/api/alerts").await?.expect(403);
    Ok(())
}

#[tokio::test]
async fn an_admin_sees_and_lifts_a_lock_out() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("max_failed_attempts = 3")
        .start()
        .await?;
    let (admin, path) = (gateway.admin()?, "/api/security/lockouts");
    assert_eq!(admin.get(path).await?.expect(200).json()["total_count"], 0);
    locked_out(&gateway).await?;
    let listed = admin.get(path).await?.expect(200).json();
    let one = &listed["lockouts"][0];
    assert_eq!(
        (&listed["total_count"], &one["failed_attempts"]),
        (&1.into(), &3.into())
    );
    assert!(one["remaining_s"].as_u64() > Some(3500), "{listed}");
    let address = one["address"].as_str().unwrap();
    let lift = format!("{path}/{address}");
    admin.delete(&lift).await?.expect(200);
    admin.delete(&lift).await?.expect(404);
    let audit = admin.get("/api/security/audit").await?.expect(200).text();
    assert!(audit.contains("lockout_lifted"), "{audit}");
    assert!(audit.contains(", session "), "by whom, and how: {audit}");

    // It begins anew, and the command line can do the same.
    locked_out(&gateway).await?;
    let list = gateway.command(&["lockouts", "list"]).output().await?;
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.status.success() && text.contains(address), "{text}");
    let lift = ["lockouts", "lift", address];
    assert!(gateway.command(&lift).output().await?.status.success());
    let again = gateway.command(&lift).output().await?;
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && complaint.contains("is not locked out"),
        "{complaint}"
    );
    gateway
        .anonymous()?
        .with_key("not-a-key-at-all")
        .get("/api/alerts")
        .await?
        .expect(401);
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_that_goes_on_polling_locks_nobody_out() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("max_failed_attempts = 3")
        .start()
        .await?;
    let admin = gateway.admin()?;
    let made = admin
        .post("/api/security/api-keys?name=Tablet&permissions=dashboard")
        .await?
        .expect(200)
        .json();
    let key = made["api_key"].as_str().unwrap();
    let tablet = gateway.anonymous()?.with_key(key);
    tablet.get("/api/alerts").await?.expect(200);
    let path = format!("/api/security/api-keys/{key}");
    admin.delete(&path).await?.expect(200);
    for _ in 0..5 {
        tablet.get("/api/alerts").await?.expect(401);
    }
    let wrong = gateway.anonymous()?.with_key("not-a-key-at-all");
    wrong.get("/api/alerts").await?.expect(401);
    Ok(())
}
