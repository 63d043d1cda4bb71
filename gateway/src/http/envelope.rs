//! Errors: one shape for every answer that is not a success (contract 1.6).
//!
//! Handlers return an [`ApiError`]; nothing else in this room writes an error
//! body. `detail` repeats the message, or lists the issues of a failed
//! validation the way the contract's clients parse them.

use std::borrow::Cow;

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::respond;
use crate::http::scalars::{self, Ts};

/// Longest input echoed in a validation issue; the rest is cut, so that a
/// refused megabyte does not come back as a megabyte.
const MAX_ECHO_CHARS: usize = 200;

/// What a handler returns.
pub(crate) type Outcome = Result<Response, ApiError>;

/// Why a request failed, ready to be answered. Boxed: success stays small.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    details: Option<String>,
    issues: Vec<Issue>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One failed check of a validation.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Issue {
    /// What kind of check failed, e.g. `int_parsing`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// As its schema says.
    #[schema(schema_with = scalars::place)]
    pub(crate) loc: Vec<Value>,
    /// In words.
    pub(crate) msg: String,
    /// As its schema says.
    #[schema(schema_with = scalars::given)]
    pub(crate) input: Value,
    /// Bounds and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) ctx: Option<Value>,
}

impl Issue {
    /// An issue at `place.field`.
    pub(crate) fn new(
        kind: &'static str,
        place: &str,
        field: &str,
        msg: impl Into<String>,
        input: Value,
    ) -> Issue {
        Issue {
            kind,
            loc: vec![place.into(), field.into()],
            msg: msg.into(),
            input: shortened(input),
            ctx: None,
        }
    }

    /// The same with bounds.
    pub(crate) fn with_ctx(mut self, ctx: Value) -> Issue {
        self.ctx = Some(ctx);
        self
    }

    fn line(&self) -> String {
        let place: Vec<String> = self
            .loc
            .iter()
            .map(|part| {
                part.as_str()
                    .map_or_else(|| part.to_string(), str::to_owned)
            })
            .collect();
        format!("{}: {}", place.join("."), self.msg)
    }
}

fn shortened(input: Value) -> Value {
    let text = match &input {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Array(_) | Value::Object(_) => Cow::Owned(input.to_string()),
        _ => return input,
    };
    match text.char_indices().nth(MAX_ECHO_CHARS) {
        Some((end, _)) => Value::String(format!("{}…", &text[..end])),
        None => input,
    }
}

/// The envelope as it goes over the wire.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Envelope<'a> {
    /// Always true.
    error: bool,
    /// For programs, e.g. `DRONE_NOT_FOUND`.
    error_code: &'a str,
    /// For people.
    message: &'a str,
    /// The message again, or the issues of a failed validation.
    detail: Detail<'a>,
    /// Further context.
    details: Option<&'a str>,
    /// When.
    timestamp: Ts,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ErrorDetail)]
enum Detail<'a> {
    /// The message.
    Text(&'a str),
    /// One element per failed check.
    Issues(&'a [Issue]),
}

impl ApiError {
    /// An error of its own code.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> ApiError {
        ApiError(Box::new(Failure {
            status,
            code,
            message: message.into(),
            details: None,
            issues: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// 400 `INVALID_REQUEST`.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    /// 404 for a thing that does not exist.
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "HTTP_404", message)
    }

    /// 405 with the methods that do exist.
    pub(crate) fn method_not_allowed(allow: HeaderValue) -> ApiError {
        ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "HTTP_405",
            "Method Not Allowed",
        )
        .header(header::ALLOW, allow)
    }

    /// 409 `HTTP_409`.
    pub(crate) fn conflict(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "HTTP_409", message)
    }

    /// 413: the body has more than `limit` elements.
    pub(crate) fn too_many_elements(limit: usize) -> ApiError {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "HTTP_413",
            format!("The request body has more than {limit} elements"),
        )
    }

    /// 413: the body is over `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> ApiError {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "HTTP_413",
            format!("Request body too large: at most {limit} bytes"),
        )
    }

    /// 408: the body did not arrive in time.
    pub(crate) fn body_timeout() -> ApiError {
        // The rest of the body may still arrive; the connection is of no more use.
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "HTTP_408",
            "Request body did not arrive in time",
        )
        .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// 503 `HTTP_503`.
    pub(crate) fn unavailable(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "HTTP_503", message)
    }

    /// 500, with nothing of the cause: that is in the log.
    pub(crate) fn internal() -> ApiError {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_SERVER_ERROR",
            "Internal server error",
        )
    }

    /// 422 with every issue found.
    pub(crate) fn validation(issues: Vec<Issue>) -> ApiError {
        let message = issues
            .first()
            .map_or_else(|| "invalid request".to_owned(), Issue::line);
        let mut error = ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "VALIDATION_ERROR",
            message,
        );
        error.0.issues = issues;
        error
    }

    /// 429 with when to come back.
    pub(crate) fn rate_limited(limit: u32, retry_after_s: u32) -> ApiError {
        let message = format!("Rate limit exceeded: {limit} per 1 minute");
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "HTTP_429", message)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_s.max(1)))
    }

    /// The same in other words.
    pub(crate) fn worded(mut self, message: String) -> ApiError {
        self.0.message = message.into();
        self
    }

    /// Adds context for `details`.
    pub(crate) fn details(mut self, details: impl Into<String>) -> ApiError {
        self.0.details = Some(details.into());
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.0.headers.push((name, value));
        self
    }

    /// The message.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The code, for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// Further context.
    pub(crate) fn context(&self) -> Option<&str> {
        self.0.details.as_deref()
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The answer.
    pub(crate) fn into_response(self) -> Response {
        let failure = *self.0;
        let detail = if failure.issues.is_empty() {
            Detail::Text(&failure.message)
        } else {
            Detail::Issues(&failure.issues)
        };
        let envelope = Envelope {
            error: true,
            error_code: failure.code,
            message: &failure.message,
            detail,
            details: failure.details.as_deref(),
            timestamp: Ts::now(),
        };
        let mut response = respond::json(&envelope);
        *response.status_mut() = failure.status;
        for (name, value) in failure.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;
    use access::{Denial, KeyError, Permission};
    use alerting::{AlertError, JournalError};

    async fn body(error: ApiError) -> (Response, Value) {
        let (parts, body) = error.into_response().into_parts();
        let bytes = body.collect().await.expect("in memory").to_bytes();
        (
            Response::from_parts(parts, axum::body::Body::empty()),
            serde_json::from_slice(&bytes).expect("JSON"),
        )
    }

    #[tokio::test]
    async fn every_error_has_the_six_members() {
        let denied = |denial| ApiError::from(denial);
        for (error, status, code, text) in [
            (denied(Denial::Missing), 401, "HTTP_401", "API key required"),
            (
                denied(Denial::Invalid),
                401,
                "HTTP_401",
                "Invalid or expired API key",
            ),
            (
                denied(Denial::Lacks(Permission::Admin)),
                403,
                "HTTP_403",
                "Insufficient permissions: admin",
            ),
            (
                denied(Denial::Blocked {
                    retry_after_s: 3600,
                }),
                403,
                "IP_BLOCKED",
                "3600",
            ),
            (
                ApiError::rate_limited(100, 7),
                429,
                "HTTP_429",
                "Rate limit exceeded: 100 per 1 minute",
            ),
            (
                ApiError::not_found("Not Found"),
                404,
                "HTTP_404",
                "Not Found",
            ),
            (ApiError::too_large(10), 413, "HTTP_413", "10 bytes"),
            (ApiError::internal(), 500, "INTERNAL_SERVER_ERROR", "error"),
            (KeyError::LastAdmin.into(), 409, "HTTP_409", "last key"),
            (
                KeyError::InvalidPermission("x".to_owned()).into(),
                400,
                "INVALID_REQUEST",
                "x",
            ),
            (
                AlertError::UnknownAlert("a".to_owned()).into(),
                404,
                "HTTP_404",
                "a",
            ),
            (
                AlertError::Storage(JournalError::Busy).into(),
                503,
                "STORAGE_UNAVAILABLE",
                "not saved",
            ),
        ] {
            let (response, body) = body(error).await;
            assert_eq!(
                (response.status().as_u16(), &body["error_code"]),
                (status, &code.into())
            );
            assert_eq!(
                body.as_object().map(serde_json::Map::len),
                Some(6),
                "{body}"
            );
            assert!(
                body["message"]
                    .as_str()
                    .is_some_and(|message| message.contains(text)),
                "{body}"
            );
            assert_eq!(
                (&body["error"], &body["detail"], &body["details"]),
                (&true.into(), &body["message"], &Value::Null)
            );
            let may_retry = status == 429 || code == "IP_BLOCKED";
            assert_eq!(
                response.headers().contains_key(header::RETRY_AFTER),
                may_retry,
                "{code}"
            );
        }
    }

    #[tokio::test]
    async fn validation_lists_its_issues_and_does_not_echo_megabytes() {
        let long = Value::String("あ".repeat(1_000_000));
        let issue = Issue::new(
            "less_than_equal",
            "body",
            "distance",
            "must be <= 500",
            long,
        )
        .with_ctx(json!({"le": 500}));
        let (response, body) = body(ApiError::validation(vec![issue])).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body["message"], "body.distance: must be <= 500");
        assert_eq!(body["detail"][0]["loc"], json!(["body", "distance"]));
        assert_eq!(body["detail"][0]["ctx"]["le"], 500);
        assert_eq!(
            body["detail"][0]["input"]
                .as_str()
                .map(|text| text.chars().count()),
            Some(MAX_ECHO_CHARS + 1)
        );
    }
}
