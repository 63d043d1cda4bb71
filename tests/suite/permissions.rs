//! The authorisation matrix: every route of the document, every role, every
//! access profile.

use anyhow::Context as _;
use gateway_tests::{Client, Gateway};
use http::Method;
use serde_json::Value;

/// The access profiles, as they stand in the configuration.
const PROFILES: [&str; 3] = ["strict", "documented", "legacy"];

/// One key each holds one of these, and nothing else.
const PERMISSIONS: [&str; 5] = ["read", "write", "respond", "admin", "dashboard"];

/// What a route asks for in each profile; none: it is open.
type Needs = [Option<&'static str>; 3];

const fn always(permission: &'static str) -> Needs {
    [Some(permission); 3]
}

const fn strict(permission: &'static str) -> Needs {
    [Some(permission), None, None]
}

/// The contract (1.4) and the deviations from it, written down a second time:
/// neither the document nor the gateway is asked.
fn contract(method: &str, path: &str) -> Needs {
    let is_read = method == "get";
    let under = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    match path {
        "/" | "/health" | "/openapi.json" | "/asyncapi.json" | "/docs" | "/redoc"
        | "/dashboard" | "/ui" | "/styles.css" | "/dashboard.js" | "/sw.js" | "/trust" => [None; 3],
        _ if path.starts_with("/static/") => [None; 3],
        "/api/session/exchange" | "/api/trust" => [None; 3],
        _ if under(&["/trust/"]) => [None; 3],
        // Who is signed in is for whoever is; signing in and out is for everybody.
        "/api/session" if !is_read => [None; 3],
        "/api/session" | "/api/sessions" | "/api/sessions/{id}" => always("any"),
        "/api/session/link" => always("admin"),
        "/metrics" | "/api/ws-ticket" => always("read"),
        "/api/system/time" => always("write"),
        "/api/alerts/{alert_id}/acknowledge"
        | "/api/alerts/{alert_id}/resolve"
        | "/api/alerts/{alert_id}/mute" => [Some("respond"), Some("dashboard"), Some("dashboard")],
        "/api/drones/land-all"
        | "/api/drones/stop-all"
        | "/api/drones/emergency-all"
        | "/api/plans/{plan_id}/end"
        | "/api/groups/{group_id}/land"
        | "/api/groups/{group_id}/stop"
        | "/api/groups/{group_id}/emergency"
        | "/api/drones/{drone_id}/land"
        | "/api/drones/{drone_id}/stop"
        | "/api/drones/{drone_id}/emergency" => strict("respond"),
        "/api/performance/optimize"
        | "/api/performance/cache"
        | "/api/system/update"
        | "/api/system/logs" => always("admin"),
        "/api/emergency-stop/override" => always("admin"),
        // Who gets a drone into the site's network has its password.
        _ if path.starts_with("/api/drones/{drone_id}/join") => always("admin"),
        // People are in these: a key is needed whatever the profile.
        "/api/drones/{drone_id}/camera/stream.mjpeg"
        | "/api/drones/{drone_id}/camera/stream.mp4"
        | "/api/drones/{drone_id}/camera/stream.ts" => always("read"),
        "/api/recordings/{recording_id}/pin" => always("write"),
        _ if under(&["/api/recordings"]) && !is_read => always("admin"),
        _ if under(&["/api/recordings"]) => always("read"),
        _ if under(&["/api/security/", "/api/notify/", "/api/players"]) => always("admin"),
        _ if under(&["/api/alerts/rules"]) && !is_read => always("admin"),
        _ if under(&["/api/alerts", "/api/performance/", "/api/health/"]) => always("dashboard"),
        _ if under(&["/api/dashboard/"]) => [Some("dashboard"), Some("dashboard"), None],
        _ if is_read => strict("read"),
        _ => strict("write"),
    }
}

/// Whether a key that holds `permission` alone may do what needs `needed`.
fn allows(permission: &str, needed: &str) -> bool {
    needed == "any" || permission == needed || (permission, needed) == ("write", "respond")
}

/// Method, path and needs of every operation of the document.
fn operations(document: &Value) -> anyhow::Result<Vec<(String, String, Value)>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in item.as_object().context("no operations")? {
            let needs = operation["x-permission"].clone();
            operations.push((method.clone(), path.clone(), needs));
        }
    }
    Ok(operations)
}

/// Asks for `path` with nothing in it that exists.
async fn status(client: &Client, method: &str, path: &str) -> anyhow::Result<u16> {
    let path = path
        .split('/')
        .map(|part| if part.starts_with('{') { "none" } else { part })
        .collect::<Vec<_>>()
        .join("/");
    let method = Method::try_from(method.to_uppercase().as_str())?;
    // Sockets are no sockets without a hand-shake; others do not look at it.
    let client = client.clone().with_header("upgrade", "websocket");
    let answer = client.send(method, &path, None).await?;
    Ok(answer.status.as_u16())
}

/// The same path, written as clients and proxies write it that mean well or ill.
fn spellings(path: &str) -> [String; 8] {
    [
        format!("{path}/"),
        format!("/{path}"),
        format!("/.{path}"),
        format!("/x/..{path}"),
        path.to_uppercase(),
        path.replacen('a', "%61", 1),
        format!("/{}", path[1..].replacen('/', "%2f", 1)),
        format!("{path};x=y"),
    ]
}

/// A route that needs a key gives nothing without one, however it is spelled.
async fn no_spelling_opens(anonymous: &Client, method: &str, path: &str) -> anyhow::Result<()> {
    for spelled in spellings(path) {
        let got = status(anonymous, method, &spelled).await?;
        assert!(
            [301, 307, 308, 400, 401, 404, 405, 421].contains(&got),
            "{method} {spelled} without a key: {got}"
        );
    }
    Ok(())
}

async fn judged(profile: usize) -> anyhow::Result<()> {
    let name = PROFILES[profile];
    let gateway = Gateway::builder()
        .access(&format!(
            "profile = \"{name}\"\nlockout = false\nrate_limit_enabled = false"
        ))
        .plain_http()
        .start()
        .await?;
    let anonymous = Client::plain(gateway.plain_address());
    let mut holders = Vec::new();
    for permission in PERMISSIONS {
        let path = format!("/api/security/api-keys?name={permission}&permissions={permission}");
        let made = gateway.admin()?.post(&path).await?.expect(200).json();
        let key = made["api_key"].as_str().context("no key")?;
        holders.push((permission, anonymous.clone().with_key(key)));
    }
    let document = anonymous.get("/openapi.json").await?.expect(200).json();
    let operations = operations(&document)?;
    assert!(operations.len() > 90, "{} operations", operations.len());
    for (method, path, told) in operations {
        let needs = contract(&method, &path)[profile];
        let place = format!("{name}: {method} {path}");
        assert_eq!(told[name].as_str(), needs, "{place}: in the document");
        let got = status(&anonymous, &method, &path).await?;
        assert_eq!(got == 401, needs.is_some(), "{place} without a key: {got}");
        if needs.is_some() {
            no_spelling_opens(&anonymous, &method, &path).await?;
        }
        for (permission, client) in &holders {
            let got = status(client, &method, &path).await?;
            let allowed = needs.is_none_or(|needed| allows(permission, needed));
            assert_eq!(got == 403, !allowed, "{place} as {permission}: {got}");
            assert_ne!(got, 401, "{place} as {permission}");
            assert_ne!(got, 500, "{place} as {permission}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_strict_profile_is_the_documented_matrix() -> anyhow::Result<()> {
    judged(0).await
}

#[tokio::test]
async fn the_documented_profile_is_the_documented_matrix() -> anyhow::Result<()> {
    judged(1).await
}

#[tokio::test]
async fn the_legacy_profile_is_the_documented_matrix() -> anyhow::Result<()> {
    judged(2).await
}
