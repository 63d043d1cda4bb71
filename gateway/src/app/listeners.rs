//! Listeners that are tried again while their port is taken.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alerting::{AlertType, Alerts, Condition, Level};
use axum::Router;
use https::{BindError, Listener, Server, Tls, Via};
use readings::BOARD;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::core::Core;
use crate::settings::Origin;

/// First and longest pause between attempts to get a port.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// One listener to be served.
#[derive(Clone)]
pub(super) struct ListenerSpec {
    pub(super) address: SocketAddr,
    /// Its configuration key.
    pub(super) key: &'static str,
    pub(super) via: Via,
    pub(super) tls: Option<Arc<Tls>>,
}

/// Binds and serves; why it is not bound at first, if it is not. In the demo a taken
/// port is an error; else an alert and another try.
///
/// # Errors
/// [`BindError`], in the demo only.
pub(super) fn serve(
    wanted: ListenerSpec,
    origin: Origin,
    app: Router,
    server: Arc<Server>,
    core: &Core,
) -> Result<(JoinHandle<()>, Option<String>), BindError> {
    let alerts = core.alerts.clone();
    let first = https::bind(wanted.address, wanted.key);
    if origin != Origin::Installed
        && let Err(error) = first
    {
        return Err(error);
    }
    let unbound = first.as_ref().err().map(BindError::to_string);
    let first = Mutex::new(Some(first));
    let make = move || {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (app, server, alerts) = (app.clone(), server.clone(), alerts.clone());
        listen(wanted.clone(), first, app, server, alerts)
    };
    let listener = core.supervisor.kept("listener".into(), None, make);
    Ok((tokio::spawn(listener), unbound))
}

/// Takes connections until the stop. `first` is what the first bind came to, if that was
/// tried.
async fn listen(
    wanted: ListenerSpec,
    first: Option<Result<TcpListener, BindError>>,
    app: Router,
    server: Arc<Server>,
    alerts: Alerts,
) {
    let bind = || https::bind(wanted.address, wanted.key);
    let mut pause = RETRY.0;
    let mut attempt = first.unwrap_or_else(bind);
    let socket = loop {
        match attempt {
            Ok(socket) => break socket,
            Err(error) => complain(&wanted, &error, &alerts),
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = server.stop.cancelled() => return,
        }
        pause = (pause * 2).min(RETRY.1);
        attempt = bind();
    };
    alerts.clear(condition_key(wanted.via), BOARD);
    tracing::info!(address = %wanted.address, via = ?wanted.via, "listening");
    https::serve(
        Listener {
            socket,
            via: wanted.via,
            tls: wanted.tls,
        },
        app,
        server,
    )
    .await;
}

fn condition_key(via: Via) -> &'static str {
    match via {
        Via::Https => "https_listener_unavailable",
        Via::Http => "http_listener_unavailable",
        Via::Metrics => "metrics_listener_unavailable",
        // Not a listener of the network: it says itself when it cannot be made.
        Via::Console => "control_socket_unavailable",
    }
}

fn complain(wanted: &ListenerSpec, error: &BindError, alerts: &Alerts) {
    tracing::error!("{error}");
    alerts.raise(Condition {
        key: condition_key(wanted.via),
        subject: BOARD.into(),
        level: Level::Error,
        alert_type: AlertType::Network,
        title: "Listener Unavailable",
        message: error.to_string(),
        details: Some(format!("{} is tried again until it is free", wanted.key)),
    });
}
