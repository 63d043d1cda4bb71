//! The local control socket: how the command line talks to a running gateway.
//!
//! A Unix socket in the state directory, mode 0600: whoever may open it owns
//! the gateway's files anyway, so it asks for no key. It is the way back in
//! when every key is lost. It must never be reachable over the network, and
//! offers only what the store's lock keeps the command line from doing itself.

pub(crate) mod bridges;
mod client;
mod down;
mod fly;
mod links;
mod plan;
mod stops;

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Path as PathParameter, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use access::{Access, ClientAddress, KeyError, KeyRecord, preview};
use https::certificates::Renewal;
use https::{Peer, Via};
use readings::clock::Timestamp;
use store::Store;

pub(crate) use client::{Client, ControlError};
pub(crate) use down::DownAll;
pub(crate) use fly::{Fly, FlyRequest};
pub(crate) use links::{MadeLink, NewLink};
pub(crate) use plan::{PlanRequest, RunPlan};
pub(crate) use stops::{ActOnStops, ListStops, ListedStop, StopRequest};

/// File name of the socket in the state directory.
const SOCKET: &str = "control.sock";
/// Longest path of a socket: the kernel's 108 bytes with the zero behind it.
const MAX_PATH_BYTES: usize = 107;

/// What of the API the socket serves as well: what a person at the console asks and
/// answers. Nothing that flies: what is given over the socket has a route of its own here.
const API: [&str; 3] = ["/api/alerts", "/api/dashboard/", "/api/notify/"];

/// Who the audit trail names for what is done over the socket.
pub(crate) const ACTOR: &str = "console";

/// What the socket works on.
pub(crate) struct Control {
    /// Keys.
    pub access: Arc<Access>,
    /// The store, for backups.
    pub store: Store,
    /// How well the gateway is.
    pub health: Box<dyn Fn() -> Health + Send + Sync>,
    /// The microcontrollers on serial lines.
    pub bridges: Box<dyn Fn() -> Vec<bridges::BridgeState> + Send + Sync>,
    /// Names and addresses that the certificate is for.
    pub names: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Lists emergency stops.
    pub stops: ListStops,
    /// Resets emergency stops.
    pub act_on_stops: ActOnStops,
    /// The API, which asks for no key here.
    pub api: Router,
    /// Makes a new certificate; the answer is shown to the operator.
    pub renew_certificate: RenewCertificate,
    /// Brings every drone down.
    pub down_all: DownAll,
    /// Gives one drone a command.
    pub fly: Fly,
    /// Judges, starts, shows and ends flight plans.
    pub plan: RunPlan,
    /// Takes the serial number that the drone of an id says as its own; which one, or why
    /// not.
    pub accept_serial:
        Box<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>,
}

/// Makes a new certificate: its facts, or why there is none.
pub(crate) type RenewCertificate = Box<dyn Fn(Renewal) -> Result<String, String> + Send + Sync>;

/// Makes a new leaf.
pub(crate) const RENEW_CERTIFICATE: &str = "/certificate/renew";
/// Makes a new authority, and a leaf of it.
pub(crate) const RENEW_AUTHORITY: &str = "/certificate/renew-authority";

/// How well a running gateway is, as far as it can say of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Health {
    /// What is wrong, if anything.
    pub problem: Option<String>,
    /// Drones in the air.
    pub airborne: Vec<String>,
    /// Drones that should be heard and are not, and why.
    #[serde(default)]
    pub silent: Vec<(String, String)>,
    /// Its HTTPS listener.
    pub listen: SocketAddr,
    /// Whether the device's own authority vouches for its certificate, and
    /// clients need none.
    pub own_certificate: bool,
    /// Whether a request from another machine was let in by its key since the start.
    #[serde(default)]
    pub asked_from_outside: bool,
}

/// A key to be made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewKey {
    /// Its name.
    pub name: String,
    /// Comma list.
    pub permissions: String,
    /// Days, or for ever.
    pub expires_days: Option<u32>,
}

/// A key that was made; the only place where it is in clear.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MadeKey {
    /// The key.
    pub api_key: String,
    /// Its public identifier.
    pub preview: String,
}

/// A key as listed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListedKey {
    /// Public identifier.
    pub preview: String,
    /// Name.
    pub name: String,
    /// In the order they were given.
    pub permissions: Vec<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, or never.
    pub expires_at: Option<String>,
    /// RFC 3339, or not yet.
    pub last_used: Option<String>,
    /// Authenticated requests.
    pub usage_count: u64,
}

impl From<&KeyRecord> for ListedKey {
    fn from(record: &KeyRecord) -> Self {
        let stamp = |us: i64| {
            Timestamp::from_microsecond(us)
                .unwrap_or_default()
                .to_string()
        };
        ListedKey {
            preview: preview(&record.id),
            name: record.name.clone(),
            permissions: record.permissions.clone(),
            created_at: stamp(record.created_us),
            expires_at: record.expires_us.map(stamp),
            last_used: record.last_used_us.map(stamp),
            usage_count: record.usage_count,
        }
    }
}

/// An address that is locked out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListedLockout {
    /// As it is given to lift it.
    pub address: String,
    /// Wrong keys that led to it.
    pub failed_attempts: u32,
    /// Seconds until it ends by itself.
    pub remaining_s: u64,
}

/// An address to be let in again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LiftRequest {
    /// As it is listed.
    pub address: String,
}

/// A drone whose serial number is to be accepted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AcceptSerial {
    /// Its id.
    pub drone: String,
}

/// Where a backup goes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BackupRequest {
    /// Absolute path as the gateway sees it.
    pub path: PathBuf,
}

/// The socket's path in a state directory.
#[must_use]
pub(crate) fn socket_path(state_dir: &Path) -> PathBuf {
    state_dir.join(SOCKET)
}

/// Opens the socket; what is returned serves it until `stop`.
///
/// # Errors
/// The socket cannot be made: a read-only medium, a path over 107 bytes.
pub(crate) fn open(
    state_dir: &Path,
    control: Control,
    stop: CancellationToken,
) -> std::io::Result<impl Future<Output = ()> + Send + use<>> {
    let path = socket_path(state_dir);
    // The store's lock says that no other gateway uses this directory, so a
    // socket file found here was left behind by a killed one.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(explained(&path, &error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(|error| explained(&path, &error))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let app = router(Arc::new(control));
    Ok(async move {
        let stopped = async move { stop.cancelled().await };
        if let Err(error) = axum::serve(listener, app)
            .with_graceful_shutdown(stopped)
            .await
        {
            tracing::error!(%error, "control socket failed");
        }
        drop(std::fs::remove_file(path));
    })
}

/// Where the socket cannot be made, and what to do.
fn explained(path: &Path, error: &std::io::Error) -> std::io::Error {
    let text = format!(
        "{} cannot be made: {error}; set storage.dir to a directory that can be written, with a path of at most {} bytes",
        path.display(),
        MAX_PATH_BYTES - SOCKET.len() - 1
    );
    std::io::Error::new(error.kind(), text)
}

fn router(control: Arc<Control>) -> Router {
    let console = Peer {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        via: Via::Console,
    };
    let api = control.api.clone().layer(Extension(console));
    let api = api.layer(middleware::from_fn(of_console));
    Router::new()
        .route("/keys", get(list_keys).post(create_key))
        .route("/keys/{key}", delete(revoke_key))
        .route("/links", post(links::make))
        .route("/lockouts", get(list_lockouts))
        .route("/lockouts/lift", post(lift_lockout))
        .route("/down/{command}", post(down::all))
        .route("/fly", post(fly::fly))
        .route("/plan", post(plan::plan))
        .route("/drones/accept-serial", post(accept_serial))
        .route("/emergency-stop", get(stops::list).post(stops::act))
        .route("/backup", post(backup))
        .route("/health", get(health))
        .route("/bridges", get(bridges::list))
        .route(RENEW_CERTIFICATE, post(renew_certificate))
        .route(RENEW_AUTHORITY, post(renew_authority))
        .fallback_service(api)
        .with_state(control)
}

/// Passes on what is in [`API`].
async fn of_console(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if API.iter().any(|prefix| path.starts_with(prefix)) {
        return next.run(request).await;
    }
    (StatusCode::NOT_FOUND, "not served on the control socket").into_response()
}

type Refusal = (StatusCode, String);

async fn list_keys(State(control): State<Arc<Control>>) -> Json<Vec<ListedKey>> {
    Json(control.access.keys().iter().map(ListedKey::from).collect())
}

async fn create_key(
    State(control): State<Arc<Control>>,
    Json(new): Json<NewKey>,
) -> Result<Json<MadeKey>, Refusal> {
    let (api_key, record) = control
        .access
        .create_key(&new.name, &new.permissions, new.expires_days, ACTOR)
        .await
        .map_err(refuse)?;
    Ok(Json(MadeKey {
        api_key,
        preview: preview(&record.id),
    }))
}

async fn revoke_key(
    State(control): State<Arc<Control>>,
    PathParameter(key): PathParameter<String>,
) -> Result<Json<ListedKey>, Refusal> {
    let record = control
        .access
        .revoke_key(&key, ACTOR)
        .await
        .map_err(refuse)?;
    Ok(Json(ListedKey::from(&record)))
}

async fn list_lockouts(State(control): State<Arc<Control>>) -> Json<Vec<ListedLockout>> {
    let locked = control.access.locked_out().into_iter();
    let listed = locked.map(|one| ListedLockout {
        address: one.client.to_string(),
        failed_attempts: one.failures,
        remaining_s: one.remaining.as_secs(),
    });
    Json(listed.collect())
}

async fn lift_lockout(
    State(control): State<Arc<Control>>,
    Json(request): Json<LiftRequest>,
) -> Result<String, Refusal> {
    let unknown = || {
        let message = format!("{} is not locked out", request.address);
        (StatusCode::NOT_FOUND, message)
    };
    let client: ClientAddress = request.address.parse().map_err(|()| unknown())?;
    let lifted = control.access.lift_lockout(client, ACTOR).await;
    if lifted.map_err(|error| refuse(error.into()))? {
        Ok(client.to_string())
    } else {
        Err(unknown())
    }
}

async fn accept_serial(
    State(control): State<Arc<Control>>,
    Json(request): Json<AcceptSerial>,
) -> Result<String, Refusal> {
    let accepted = (control.accept_serial)(request.drone).await;
    accepted.map_err(|why| (StatusCode::CONFLICT, why))
}

fn refuse(error: KeyError) -> Refusal {
    let status = match error {
        KeyError::Unknown => StatusCode::NOT_FOUND,
        KeyError::LastAdmin | KeyError::Full(_) => StatusCode::CONFLICT,
        KeyError::Storage(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    (status, error.to_string())
}

async fn health(State(control): State<Arc<Control>>) -> Json<Health> {
    Json((control.health)())
}

async fn backup(
    State(control): State<Arc<Control>>,
    Json(request): Json<BackupRequest>,
) -> Result<String, Refusal> {
    match control.store.backup_to(&request.path).await {
        Ok(()) => Ok("done".to_owned()),
        Err(error) => Err((StatusCode::CONFLICT, error.to_string())),
    }
}

async fn renew_certificate(State(control): State<Arc<Control>>) -> Result<String, Refusal> {
    renew(&control, Renewal::Leaf)
}

async fn renew_authority(State(control): State<Arc<Control>>) -> Result<String, Refusal> {
    renew(&control, Renewal::Authority)
}

fn renew(control: &Control, renewal: Renewal) -> Result<String, Refusal> {
    (control.renew_certificate)(renewal).map_err(|message| (StatusCode::CONFLICT, message))
}
