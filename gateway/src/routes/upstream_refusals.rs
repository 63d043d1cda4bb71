//! What the upstream refuses, and what keeps it from answering, in the one envelope.

use axum::response::Response;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

use crate::http::call::Call;
use crate::http::envelope::ApiError;
use crate::http::respond;
use crate::http::scalars::Ts;
use crate::upstream::Failure;

/// Most read of what the upstream says of a failure; it is a few lines of text.
const FAILURE_BYTES: usize = 64 * 1024;
/// What the upstream refused, in the one envelope: its own if it wrote one,
/// else made from what it said.
pub(super) async fn refusal(call: &Call, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let read = Limited::new(body, FAILURE_BYTES).collect().await;
    let said: Value = read
        .ok()
        .and_then(|body| serde_json::from_slice(&body.to_bytes()).ok())
        .unwrap_or_default();
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let reason = parts.status.canonical_reason().unwrap_or("Refused");
    let message = text("message")
        .or_else(|| text("detail"))
        .or_else(|| text("error"))
        .unwrap_or(reason);
    let detail = said.get("detail").filter(|detail| detail.is_array());
    let envelope = json!({
        "error": true,
        "error_code": text("error_code").map_or_else(|| code(call.template, parts.status), str::to_owned),
        "message": message,
        "detail": detail.cloned().unwrap_or_else(|| message.into()),
        "details": said.get("details").cloned().unwrap_or_default(),
        "timestamp": Ts::now(),
    });
    let mut response = respond::json(&envelope);
    *response.status_mut() = parts.status;
    if let Some(value) = parts.headers.get(header::RETRY_AFTER) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, value.clone());
    }
    response
}

/// The code of contract 1.6 for a refusal that has none.
fn code(path: &str, status: StatusCode) -> String {
    match status.as_u16() {
        400 => "INVALID_REQUEST".to_owned(),
        404 if path.starts_with("/api/vision/datasets") => "DATASET_NOT_FOUND".to_owned(),
        404 if path.starts_with("/api/models/training") => "JOB_NOT_FOUND".to_owned(),
        // A training is asked for with a dataset, all else with a model.
        404 if path == "/api/models" => "DATASET_NOT_FOUND".to_owned(),
        404 => "MODEL_NOT_FOUND".to_owned(),
        409 if path.starts_with("/api/vision/tracking") => "TRACKING_ALREADY_ACTIVE".to_owned(),
        422 => "VALIDATION_ERROR".to_owned(),
        other => format!("HTTP_{other}"),
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> ApiError {
        let message = failure.to_string();
        let error = |status, code| ApiError::new(status, code, message);
        let later = |error: ApiError, seconds: u64| {
            error.header(header::RETRY_AFTER, seconds.max(1).into())
        };
        match failure {
            Failure::NotConfigured => {
                error(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_NOT_CONFIGURED")
            }
            Failure::LeftAlone { retry_after_s } => later(
                error(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
                retry_after_s,
            ),
            Failure::Unavailable { retry_after_s } => later(
                error(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
                retry_after_s.unwrap_or(1),
            ),
            Failure::Unreachable(_) => later(
                error(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
                1,
            ),
            Failure::Busy => later(error(StatusCode::SERVICE_UNAVAILABLE, "UPSTREAM_BUSY"), 1),
            Failure::TimedOut(_) => error(StatusCode::GATEWAY_TIMEOUT, "UPSTREAM_TIMEOUT"),
            Failure::Bad(_) => error(StatusCode::BAD_GATEWAY, "UPSTREAM_FAILED"),
            Failure::Refused(_) => error(StatusCode::BAD_GATEWAY, "UPSTREAM_REFUSED"),
            Failure::AnswerTooLarge(_) => {
                error(StatusCode::BAD_GATEWAY, "UPSTREAM_ANSWER_TOO_LARGE")
            }
            Failure::RequestTooLarge(limit) => ApiError::too_large(limit as usize),
            Failure::ClientGone => ApiError::body_timeout(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_without_a_code_get_the_documented_one() {
        for (path, status, wanted) in [
            (
                "/api/vision/datasets/{dataset_id}",
                404,
                "DATASET_NOT_FOUND",
            ),
            ("/api/models", 404, "DATASET_NOT_FOUND"),
            ("/api/models/{model_id}", 404, "MODEL_NOT_FOUND"),
            ("/api/models/{model_id}", 409, "HTTP_409"),
            ("/api/models/training/{job_id}/cancel", 404, "JOB_NOT_FOUND"),
            (
                "/api/models/training/{job_id}/cancel",
                400,
                "INVALID_REQUEST",
            ),
            ("/api/vision/detection", 404, "MODEL_NOT_FOUND"),
            ("/api/vision/tracking/start", 409, "TRACKING_ALREADY_ACTIVE"),
            ("/api/vision/datasets", 422, "VALIDATION_ERROR"),
        ] {
            assert_eq!(
                code(path, StatusCode::from_u16(status).expect("a status")),
                wanted,
                "{path} {status}"
            );
        }
    }

    #[test]
    fn what_keeps_the_upstream_from_answering_has_its_status_and_a_time_to_return() {
        for (failure, status, retry) in [
            (Failure::NotConfigured, 503, None),
            (Failure::LeftAlone { retry_after_s: 9 }, 503, Some("9")),
            (Failure::LeftAlone { retry_after_s: 0 }, 503, Some("1")),
            (
                Failure::Unavailable {
                    retry_after_s: Some(30),
                },
                503,
                Some("30"),
            ),
            (
                Failure::Unavailable {
                    retry_after_s: None,
                },
                503,
                Some("1"),
            ),
            (Failure::Unreachable("refused".to_owned()), 503, Some("1")),
            (Failure::Busy, 503, Some("1")),
            (Failure::TimedOut(5), 504, None),
            (Failure::Bad("cut".to_owned()), 502, None),
            (Failure::Refused(401), 502, None),
            (Failure::AnswerTooLarge(9), 502, None),
            (Failure::RequestTooLarge(9), 413, None),
            (Failure::ClientGone, 408, None),
        ] {
            let text = failure.to_string();
            let answer = ApiError::from(failure).into_response();
            assert_eq!(answer.status().as_u16(), status, "{text}");
            let told = answer.headers().get(header::RETRY_AFTER);
            assert_eq!(told.and_then(|value| value.to_str().ok()), retry, "{text}");
        }
    }
}
