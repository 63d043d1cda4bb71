//! What the rooms below refuse, as the errors that clients see: one place for which
//! refusal has which status and code.
//!
//! Only translation; the rooms decide, and know nothing of HTTP.

use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::http::envelope::{ApiError, Issue};
use access::{Denial, KeyError, SessionEnd};
use alerting::AlertError;

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> ApiError {
        let unauthorised =
            |message: &'static str| ApiError::new(StatusCode::UNAUTHORIZED, "HTTP_401", message);
        match denial {
            Denial::Missing => unauthorised("API key required. Provide it in the X-API-Key header"),
            Denial::Invalid | Denial::Revoked | Denial::Expired => {
                unauthorised("Invalid or expired API key")
            }
            // The codes of a sign-in: a page says them in its own language.
            Denial::SessionOver(end) => {
                let (code, message) = match end {
                    SessionEnd::Ended => ("SESSION_ENDED", "The session is over; sign in again"),
                    SessionEnd::KeyRevoked => (
                        "KEY_REVOKED",
                        "The session is over: its key was revoked; sign in with another",
                    ),
                    SessionEnd::KeyExpired => (
                        "KEY_EXPIRED",
                        "The session is over: its key has expired; sign in with another",
                    ),
                };
                ApiError::new(StatusCode::UNAUTHORIZED, code, message)
            }
            Denial::Blocked { retry_after_s } => ApiError::new(
                StatusCode::FORBIDDEN,
                "IP_BLOCKED",
                format!(
                    "Too many failed attempts from this address; try again in {retry_after_s} s"
                ),
            )
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_s.max(1))),
            Denial::Lacks(permission) => ApiError::new(
                StatusCode::FORBIDDEN,
                "HTTP_403",
                format!("Insufficient permissions: {permission}"),
            ),
        }
    }
}

impl ApiError {
    /// The medium did not take a change, for the reason given.
    fn not_saved(reason: String) -> ApiError {
        // A code of its own: a client may keep its change and send it again.
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "STORAGE_UNAVAILABLE",
            reason,
        )
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> ApiError {
        match error {
            KeyError::Unknown => ApiError::not_found(error.to_string()),
            KeyError::LastAdmin | KeyError::Full(_) => ApiError::conflict(error.to_string()),
            KeyError::InvalidPermission(_) | KeyError::InvalidName(_) => {
                ApiError::invalid(error.to_string())
            }
            KeyError::Storage(error) => ApiError::not_saved(error.to_string()),
            // Not the client's doing: the system cannot.
            other => ApiError::unavailable(other.to_string()),
        }
    }
}

impl From<AlertError> for ApiError {
    fn from(error: AlertError) -> ApiError {
        match error {
            AlertError::UnknownAlert(_) | AlertError::UnknownRule(_) => {
                ApiError::not_found(error.to_string())
            }
            AlertError::InvalidRule { field, reason } => ApiError::validation(vec![Issue::new(
                "value_error",
                "body",
                field,
                reason,
                Value::Null,
            )]),
            AlertError::Full(reason) => ApiError::conflict(reason),
            AlertError::Storage(error) => ApiError::not_saved(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use access::{NameError, NotDurable};
    use alerting::JournalError;

    use super::*;

    #[test]
    fn every_refusal_has_its_status() {
        let key = |error: KeyError| ApiError::from(error).status().as_u16();
        assert_eq!(key(KeyError::Unknown), 404);
        assert_eq!(key(KeyError::LastAdmin), 409);
        assert_eq!(key(KeyError::Full(64)), 409);
        assert_eq!(key(KeyError::InvalidPermission("x".to_owned())), 400);
        assert_eq!(key(KeyError::InvalidName(NameError::Empty)), 400);
        assert_eq!(key(KeyError::Entropy("none".to_owned())), 503);
        assert_eq!(key(KeyError::Storage(NotDurable("full".into()))), 503);
        let alert = |error: AlertError| ApiError::from(error).status().as_u16();
        assert_eq!(alert(AlertError::UnknownAlert("a".to_owned())), 404);
        assert_eq!(alert(AlertError::UnknownRule("r".to_owned())), 404);
        assert_eq!(alert(AlertError::Full("rules".into())), 409);
        assert_eq!(alert(AlertError::Storage(JournalError::Busy)), 503);
    }

    #[test]
    fn who_is_locked_out_is_told_for_how_long_and_never_zero() {
        for (left, told) in [(0, "1"), (7, "7")] {
            let denied = Denial::Blocked {
                retry_after_s: left,
            };
            let answer = ApiError::from(denied).into_response();
            assert_eq!(answer.headers()[header::RETRY_AFTER], told);
        }
    }
}
