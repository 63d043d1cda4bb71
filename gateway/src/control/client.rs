//! The command line's side of the control socket.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::UnixStream;

/// Why the running gateway did not do it.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    /// The gateway refused; its reason.
    #[error("{0}")]
    Refused(String),
    /// The socket broke.
    #[error("the running gateway does not answer on {path}: {reason}")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// A connection to a running gateway.
pub(crate) struct Client {
    path: PathBuf,
}

impl Client {
    /// A client, if a gateway runs on this state directory.
    pub(crate) async fn connect(state_dir: &Path) -> Option<Client> {
        let path = super::socket_path(state_dir);
        // A socket file alone proves nothing: a killed gateway leaves it.
        UnixStream::connect(&path).await.ok()?;
        Some(Client { path })
    }

    /// Sends a request and reads the JSON answer.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ControlError> {
        let answer = self.text(method, path, body).await?;
        serde_json::from_str(&answer).map_err(|error| self.broken(&error))
    }

    /// Sends a request and reads the answer as text.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn text(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<String, ControlError> {
        let body = match body {
            Some(value) => serde_json::to_vec(value).map_err(|error| self.broken(&error))?,
            None => Vec::new(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "control")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.broken(&error))?;
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|error| self.broken(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error))?;
        tokio::spawn(connection);
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(&error))?;
        let refused = !response.status().is_success();
        let bytes = response
            .into_body()
            .collect()
            .await
            .map_err(|error| self.broken(&error))?
            .to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if refused {
            Err(ControlError::Refused(text))
        } else {
            Ok(text)
        }
    }

    fn broken(&self, reason: &impl ToString) -> ControlError {
        ControlError::Broken {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }
}
