//! Browsers sign in: a key, or a link's secret, for a cookie; and are signed out.

use std::ops::Deref;
use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::{Answer, Client, Gateway, WebSocket};
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

/// What the gateway promises for what a session opened.
const PROMISED: Duration = Duration::from_secs(1);

/// Keys that the harness starts the gateway with.
const ADMIN_KEY: &str = "test-admin-key-0123456789abcdef";
const READONLY_KEY: &str = "test-readonly-key-0123456789abcdef";

/// Where the reason of a refusal stands.
const CODES: &str = "error_code";

async fn post(client: &Client, path: &str, body: Value) -> anyhow::Result<Answer> {
    client.json(Method::POST, path, &body).await
}

/// Signs in with what somebody typed.
async fn sign_in(gateway: &Gateway, key: &str) -> anyhow::Result<Answer> {
    post(&gateway.anonymous()?, "/api/session", json!({ "key": key })).await
}

/// A page: a client that shows a cookie.
struct Page {
    client: Client,
    cookie: String,
}

impl Deref for Page {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// The page of a successful answer.
fn browser(gateway: &Gateway, answer: &Answer) -> anyhow::Result<Page> {
    let set = answer.header("set-cookie");
    let cookie = set.split(';').next().context("no cookie")?.to_owned();
    let client = gateway.anonymous()?.with_header("cookie", &cookie);
    Ok(Page { client, cookie })
}

async fn signed_in(gateway: &Gateway, key: &str) -> anyhow::Result<Page> {
    browser(gateway, &sign_in(gateway, key).await?.expect(200))
}

/// A new key: the key, and its preview.
async fn new_key(gateway: &Gateway, permissions: &str) -> anyhow::Result<(String, String)> {
    let path = format!("/api/security/api-keys?name=Tablet&permissions={permissions}");
    let made = gateway.admin()?.post(&path).await?.expect(200).json();
    let key = made["api_key"].as_str().context("no key")?.to_owned();
    let keys = gateway
        .admin()?
        .get("/api/security/api-keys")
        .await?
        .expect(200)
        .json();
    let listed = keys["api_keys"].as_object().context("no list")?;
    let preview = listed.iter().find(|(_, one)| one["name"] == "Tablet");
    Ok((key, preview.context("not listed")?.0.clone()))
}

#[tokio::test]
async fn a_key_is_traded_for_a_cookie_that_no_script_reads() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let answer = sign_in(&gateway, READONLY_KEY).await?.expect(200);
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-mfg_session="), "{cookie}");
    for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(cookie.split("; ").any(|one| one == attribute), "{cookie}");
    }
    let told = answer.json();
    assert_eq!(told["permissions"], json!(["read", "dashboard"]));
    assert!(
        told["expires_at"].is_string() && told["current"] == true,
        "{told}"
    );
    assert!(!answer.text().contains(READONLY_KEY));

    let page = browser(&gateway, &answer)?;
    let me = page.get("/api/session").await?.expect(200).json();
    assert_eq!((&me["id"], &me["name"]), (&told["id"], &told["name"]));
    page.get("/api/alerts").await?.expect(200);
    page.get("/api/security/config").await?.expect(403);
    // The header wins, also when it is wrong.
    page.client
        .clone()
        .with_key(ADMIN_KEY)
        .get("/api/security/config")
        .await?
        .expect(200);
    page.client
        .clone()
        .with_key("wrong-key")
        .get("/api/alerts")
        .await?
        .expect(401);

    let out = page.delete("/api/session").await?.expect(200);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let over = page.get("/api/alerts").await?.expect(401).json();
    assert_eq!(over[CODES], "SESSION_ENDED");
    page.delete("/api/session").await?.expect(200);
    gateway.anonymous()?.get("/api/session").await?.expect(401);
    Ok(())
}

#[tokio::test]
async fn why_a_key_is_refused_is_told_apart() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("max_failed_attempts = 3")
        .start()
        .await?;
    let code = async |key: &str, status: u16| {
        let refused = sign_in(&gateway, key).await?.expect(status).json();
        anyhow::Ok(refused[CODES].as_str().unwrap_or_default().to_owned())
    };
    let (key, preview) = new_key(&gateway, "read").await?;
    let path = format!("/api/security/api-keys/{preview}");
    gateway.admin()?.delete(&path).await?.expect(200);
    for _ in 0..5 {
        assert_eq!(code(&key, 401).await?, "KEY_REVOKED", "no attempt to guess");
    }
    assert_eq!(code(" \u{3000} ", 401).await?, "KEY_MISSING");
    assert_eq!(code("", 401).await?, "KEY_MISSING");
    for attempt in 1..=3 {
        assert_eq!(
            code("wrong-key", 401).await?,
            "KEY_WRONG",
            "attempt {attempt}"
        );
    }
    let locked = sign_in(&gateway, "wrong-key").await?.expect(403);
    assert_eq!(locked.json()[CODES], "IP_BLOCKED");
    assert!(locked.header("retry-after").parse::<u64>()? > 3000);
    // A good key is let in all the same, typed on a Japanese keyboard too.
    let wide: String = READONLY_KEY
        .chars()
        .map(|one| char::from_u32(one as u32 + 0xFEE0).unwrap_or(one))
        .collect();
    sign_in(&gateway, &format!("\u{3000}{wide} "))
        .await?
        .expect(200);
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_origin_does_nothing_with_the_cookie() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let page = signed_in(&gateway, ADMIN_KEY).await?;
    let own = format!("https://{}", page.address());
    let from = |name: &str, value: &str| page.client.clone().with_header(name, value);
    let act = "/api/performance/optimize";
    for (name, value) in [("origin", own.as_str()), ("sec-fetch-site", "same-origin")] {
        from(name, value).get("/api/alerts").await?.expect(200);
        from(name, value).post(act).await?.expect(200);
    }
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        // An origin of the contract's own front ends: they bring a key.
        ("origin", "https://localhost:3000"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        from(name, value).get("/api/alerts").await?.expect(403);
        from(name, value).post(act).await?.expect(403);
        let headers = [cookie_of(&page), (name, value)];
        let socket = WebSocket::open(&gateway.anonymous()?, "/ws", &headers).await;
        assert!(socket.is_err(), "{name}: {value}");
    }
    let headers = [cookie_of(&page), ("origin", own.as_str())];
    WebSocket::open(&gateway.anonymous()?, "/ws", &headers).await?;
    // With a key of its own, such a front end is as welcome as before.
    let front_end = from("origin", "https://localhost:3000").with_key(ADMIN_KEY);
    front_end.post(act).await?.expect(200);
    Ok(())
}

fn cookie_of(page: &Page) -> (&'static str, &str) {
    ("cookie", &page.cookie)
}

#[tokio::test]
async fn sockets_end_with_the_session_and_sessions_with_their_key() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("alpha", 2).start().await?;
    let (key, preview) = new_key(&gateway, "read,dashboard").await?;
    let (first, second) = (
        signed_in(&gateway, &key).await?,
        signed_in(&gateway, &key).await?,
    );
    let anonymous = gateway.anonymous()?;
    let mut events = WebSocket::open(&anonymous, "/ws", &[cookie_of(&first)]).await?;
    let mut video = WebSocket::open(&anonymous, "/ws/video/alpha", &[cookie_of(&first)]).await?;
    let mut other = WebSocket::open(&anonymous, "/ws", &[cookie_of(&second)]).await?;
    first.delete("/api/session").await?.expect(200);
    for socket in [&mut events, &mut video] {
        timeout(PROMISED, closed(socket))
            .await
            .context("the socket outlives its session")?;
    }
    second.get("/api/alerts").await?.expect(200);
    other.send(r#"{"type":"ping"}"#).await?;
    other.next_of("pong").await?;

    let path = format!("/api/security/api-keys/{preview}");
    gateway.admin()?.delete(&path).await?.expect(200);
    timeout(PROMISED, closed(&mut other))
        .await
        .context("the socket outlives its key")?;
    // Told why, whoever signs in meanwhile; whoever signed out before the key went did so.
    signed_in(&gateway, READONLY_KEY).await?;
    for route in ["/api/session", "/api/drones"] {
        let over = second.get(route).await?.expect(401).json();
        assert_eq!(over[CODES], "KEY_REVOKED", "{route}");
    }
    let out = first.get("/api/session").await?.expect(401).json();
    assert_eq!(out[CODES], "SESSION_ENDED");
    Ok(())
}

async fn closed(socket: &mut WebSocket) {
    while socket.next().await.is_ok() {}
}

#[tokio::test]
async fn an_admin_lists_and_ends_all_others_their_own() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let phone = signed_in(&gateway, READONLY_KEY).await?;
    let admin = signed_in(&gateway, ADMIN_KEY).await?;
    let listed = async |client: &Client| {
        let list = client.get("/api/sessions").await?.expect(200).json();
        anyhow::Ok(list["sessions"].as_array().cloned().unwrap_or_default())
    };
    let all = listed(&admin).await?;
    assert_eq!((all.len(), listed(&phone).await?.len()), (2, 1));
    assert_eq!(all.iter().filter(|one| one["current"] == true).count(), 1);
    let id = |one: &Value| one["id"].as_str().unwrap_or_default().to_owned();
    let (of_phone, of_admin) = (id(&all[0]), id(&all[1]));
    phone
        .delete(&format!("/api/sessions/{of_admin}"))
        .await?
        .expect(404);
    phone.delete("/api/sessions/none").await?.expect(404);
    admin
        .delete(&format!("/api/sessions/{of_phone}"))
        .await?
        .expect(200);
    phone.get("/api/alerts").await?.expect(401);
    let audit = admin.get("/api/security/audit").await?.expect(200).text();
    for word in ["session_ended", &of_phone, &of_admin] {
        assert!(audit.contains(word), "{word}: {audit}");
    }
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_who_is_signed_in_and_not_who_signed_out() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    let (stays, leaves) = (
        signed_in(&gateway, READONLY_KEY).await?,
        signed_in(&gateway, READONLY_KEY).await?,
    );
    leaves.delete("/api/session").await?.expect(200);
    gateway.restart().await?;
    stays.get("/api/alerts").await?.expect(200);
    leaves.get("/api/alerts").await?.expect(401);
    let kept = std::fs::read_to_string(gateway.state().join("sessions.json"))?;
    let cookie = cookie_of(&stays).1.split('=').nth(1).context("no value")?;
    assert!(
        !kept.contains(cookie) && !kept.contains(READONLY_KEY),
        "{kept}"
    );
    Ok(())
}

#[tokio::test]
async fn a_link_signs_one_phone_in_once() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("max_failed_attempts = 3")
        .start()
        .await?;
    let admin = gateway.admin()?;
    let wanted = json!({"name": "Phone of the night shift", "permissions": ["read", "respond"]});
    let link = post(&admin, "/api/session/link", wanted)
        .await?
        .expect(200)
        .json();
    let secret = link["secret"].as_str().context("no secret")?;
    let url = link["url"].as_str().context("no link")?;
    assert_eq!(url, format!("https://{}/#signin={secret}", admin.address()));
    assert_eq!(link["expires_in_s"], 300);
    let rows = link["qr"].as_array().context("no code")?;
    assert!(
        rows.len() >= 25
            && rows
                .iter()
                .all(|row| row.as_str().unwrap().len() == rows.len())
    );

    let exchange = async |secret: &str| {
        let anonymous = gateway.anonymous()?;
        post(
            &anonymous,
            "/api/session/exchange",
            json!({ "secret": secret }),
        )
        .await
    };
    let signed_in = exchange(secret).await?.expect(200);
    assert_eq!(signed_in.json()["name"], "Phone of the night shift");
    assert_eq!(signed_in.json()["permissions"], json!(["read", "respond"]));
    let phone = browser(&gateway, &signed_in)?;
    phone.get("/api/drones").await?.expect(200);
    phone.post("/api/drones/land-all").await?.expect(200);
    for _ in 0..5 {
        let used = exchange(secret).await?.expect(401).json();
        assert_eq!(used[CODES], "LINK_USED", "no attempt to guess");
    }
    for _ in 0..3 {
        let wrong = exchange("guessed").await?.expect(401).json();
        assert_eq!(wrong[CODES], "LINK_WRONG");
    }
    assert_eq!(
        exchange("guessed").await?.expect(403).json()[CODES],
        "IP_BLOCKED"
    );

    // By an existing key as well; and nothing that makes no sense.
    let (_, preview) = new_key(&gateway, "dashboard").await?;
    let link = post(&admin, "/api/session/link", json!({ "key": preview }))
        .await?
        .expect(200)
        .json();
    let named = exchange(link["secret"].as_str().unwrap())
        .await?
        .expect(200)
        .json();
    assert_eq!(named["name"], "Tablet");
    for (wanted, status) in [
        (json!({}), 422),
        (
            json!({"key": preview, "name": "x", "permissions": "read"}),
            422,
        ),
        (json!({"key": "00000000"}), 404),
        (json!({"name": "x", "permissions": "fly"}), 400),
    ] {
        post(&admin, "/api/session/link", wanted)
            .await?
            .expect(status);
    }
    Ok(())
}

#[tokio::test]
async fn the_command_line_shows_a_code_that_signs_in() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let shown = gateway
        .command(&["keys", "qr", "--name", "Spare phone", "-p", "read"])
        .output()
        .await?;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.status.success(),
        "{}",
        String::from_utf8_lossy(&shown.stderr)
    );
    assert!(
        text.contains('▀') && text.contains("\"Spare phone\" that may: read"),
        "{text}"
    );
    let link = text
        .lines()
        .find(|line| line.starts_with("https://"))
        .context("no link")?;
    let (place, secret) = link.split_once("/#signin=").context("no secret")?;
    assert_eq!(place, format!("https://{}", gateway.admin()?.address()));
    let anonymous = gateway.anonymous()?;
    let body = json!({ "secret": secret });
    let answer = post(&anonymous, "/api/session/exchange", body)
        .await?
        .expect(200);
    assert_eq!(answer.json()["name"], "Spare phone");
    let plain = gateway
        .command(&[
            "keys",
            "qr",
            "--name",
            "Terminal",
            "-p",
            "read",
            "--no-code",
        ])
        .output()
        .await?;
    let text = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(
        text.contains("/#signin=") && !text.contains('▀'),
        "a link without a code: {text}"
    );
    let none = gateway
        .command(&["keys", "qr", "--key", "00000000"])
        .output()
        .await?;
    assert!(!none.status.success());
    Ok(())
}
