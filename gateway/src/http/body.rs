//! Bodies of requests: read as a whole, up to a limit and in time.

use std::time::Duration;

use axum::body::Body;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use tokio::time::timeout;

use crate::config::Config;
use crate::http::envelope::ApiError;
use https::{ReadError, Whole};

/// Reads a body up to the limit and in time.
///
/// # Errors
/// 408, 413, 503 while there is no room for it, or 400 for one that breaks off.
pub(crate) async fn read_body(
    config: &Config,
    parts: &Parts,
    body: Body,
) -> Result<Whole, ApiError> {
    refuse_declared_length(config, &parts.headers)?;
    let limit = config.server.max_body_bytes;
    let whole = https::read_whole(body, limit, parts.extensions.get());
    let within = Duration::from_secs(config.server.body_timeout_s);
    match timeout(within, whole).await {
        Ok(Ok(whole)) => Ok(whole),
        Err(_) | Ok(Err(ReadError::Stalled)) => Err(ApiError::body_timeout()),
        Ok(Err(ReadError::TooLarge)) => Err(ApiError::too_large(limit)),
        Ok(Err(ReadError::NoRoom)) => Err(ApiError::unavailable(
            "Too many request bodies are being read; try again",
        )
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        Ok(Err(ReadError::Broken)) => Err(ApiError::invalid("Request body could not be read")),
    }
}

/// Refuses a body that says it is too long before any of it is read.
pub(super) fn refuse_declared_length(config: &Config, headers: &HeaderMap) -> Result<(), ApiError> {
    let limit = config.server.max_body_bytes;
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        Err(ApiError::too_large(limit))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use http::StatusCode;

    use super::*;

    fn parts(uri: &str) -> Parts {
        Request::get(uri)
            .body(Body::empty())
            .expect("a request")
            .into_parts()
            .0
    }

    #[tokio::test]
    async fn bodies_end_at_the_limit_whether_or_not_they_say_so() {
        let mut config = Config::default();
        config.server.max_body_bytes = 8;
        let none = parts("/");
        assert_eq!(
            read_body(&config, &none, Body::from("12345678"))
                .await
                .expect("fits")
                .bytes,
            b"12345678"
        );
        let error = read_body(&config, &none, Body::from("123456789"))
            .await
            .expect_err("too large");
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let mut liar = parts("/");
        liar.headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from_static("9"));
        let error = read_body(&config, &liar, Body::empty())
            .await
            .expect_err("too large");
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let forever = Body::from_stream(futures_util::stream::pending::<
            Result<axum::body::Bytes, std::io::Error>,
        >());
        let mut config = Config::default();
        config.server.body_timeout_s = 0;
        let error = read_body(&config, &parts("/"), forever)
            .await
            .expect_err("given up");
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
