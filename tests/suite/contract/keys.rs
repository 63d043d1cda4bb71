//! Keys, and what is said of the protection.

use super::*;

#[tokio::test]
async fn keys_are_made_listed_and_revoked() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let before = admin
        .get("/api/security/api-keys")
        .await?
        .expect(200)
        .json();
    assert_eq!(before["total_count"], 2);
    assert!(
        before["api_keys"]
            .as_object()
            .unwrap()
            .keys()
            .all(|preview| preview.len() <= 11)
    );

    let made = admin
        .post("/api/security/api-keys?name=NewKey&permissions=read,write&expires_days=30")
        .await?;
    let made = made.expect(200).json();
    let key = made["api_key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("mfg-drone-") && key.len() == 53, "{key}");
    assert_eq!(made["permissions"], json!(["read", "write"]));
    assert_eq!(made["expires_days"], 30);
    gateway
        .anonymous()?
        .with_key(&key)
        .get("/api/system/health")
        .await?
        .expect(200);

    admin
        .delete(&format!("/api/security/api-keys/{key}"))
        .await?
        .expect(200);
    let refused = gateway
        .anonymous()?
        .with_key(&key)
        .get("/api/system/health")
        .await?
        .expect(401)
        .json();
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("Invalid or expired API key")
    );
    admin
        .delete(&format!("/api/security/api-keys/{key}"))
        .await?
        .expect(404);
    Ok(())
}

#[tokio::test]
async fn security_config_tells_the_truth() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("rate_limit_enabled = false\nmax_failed_attempts = 7")
        .start()
        .await?;
    let config = gateway
        .admin()?
        .get("/api/security/config")
        .await?
        .expect(200)
        .json();
    assert_eq!(config["rate_limiting_enabled"], false);
    assert_eq!(config["max_failed_attempts"], 7);
    assert_eq!(config["failed_attempt_window_hours"], 1);
    for _ in 0..150 {
        gateway.anonymous()?.get("/").await?.expect(200);
    }
    Ok(())
}
