//! Contract 12, 13, 14: vision, datasets, models. Checked here, answered by the
//! configured upstream.
//!
//! Key, permission, ids and bodies are checked before anything is passed on;
//! what the upstream refuses comes back in the one envelope. Which models,
//! datasets and jobs exist only the upstream knows: nothing is invented here.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::http::body::read_body;
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Param, Place, takes_body};
use crate::http::respond;
use crate::http::scalars::Ts;
use crate::upstream::{BreakerState, Failure, Forward, Upstream};
use access::sanitise;

/// Largest detection request: an image in base64 (contract 1.8).
const DETECTION_BYTES: u64 = 20 * 1024 * 1024;
/// Largest image upload (contract 1.8), and the form around it.
const UPLOAD_BYTES: u64 = 10 * 1024 * 1024 + 16 * 1024;
/// Most read of what the upstream says of a failure; it is a few lines of text.
const FAILURE_BYTES: usize = 64 * 1024;
/// Characters of `name` and `description` (contract 1.8).
const NAME: Kind = Kind::Chars { min: 1, max: 100 };
const DESCRIPTION: Kind = Kind::Chars { min: 0, max: 500 };

const CONFIDENCE: Param = Param::optional(
    Place::Body,
    "confidence_threshold",
    Kind::Range { min: 0.0, max: 1.0 },
    "Least confidence of what is told, 0.5 when absent",
);
const MODEL_ID: Param = Param::required(Place::Body, "model_id", Kind::Text, "Id of a model");
const NAMED: Param = Param::required(Place::Body, "name", NAME, "Name for people");
const DESCRIBED: Param = Param::optional(Place::Body, "description", DESCRIPTION, "What it is for");

/// Parameters of a detection.
pub(crate) const DETECTION: &[Param] = &[
    Param::required(Place::Body, "image", Kind::Text, "JPEG or PNG, as base64"),
    MODEL_ID,
    CONFIDENCE,
];
/// Parameters of a tracking.
pub(crate) const TRACKING: &[Param] = &[
    MODEL_ID,
    // Not looked up: the contract wants an unknown drone accepted.
    Param::required(
        Place::Body,
        "drone_id",
        Kind::Text,
        "Drone whose video is watched",
    ),
    CONFIDENCE,
    Param::optional(
        Place::Body,
        "follow_distance",
        Kind::Int {
            min: 50,
            max: 500,
            default: None,
        },
        "Centimetres, 200 when absent",
    ),
];
/// Parameters of a new dataset.
pub(crate) const NEW_DATASET: &[Param] = &[NAMED, DESCRIBED];
/// Parameters of a training.
pub(crate) const TRAINING: &[Param] = &[
    NAMED,
    DESCRIBED,
    Param::required(
        Place::Body,
        "dataset_id",
        Kind::Text,
        "Dataset to train with",
    ),
    Param::optional(
        Place::Body,
        "model_type",
        Kind::Choice(&["yolo", "ssd", "faster_rcnn"]),
        "yolo when absent",
    ),
    Param::optional(
        Place::Body,
        "training_params",
        Kind::Fields(TRAINING_PARAMS),
        "How to train",
    ),
];
const TRAINING_PARAMS: &[Param] = &[
    Param::optional(
        Place::Body,
        "epochs",
        Kind::Int {
            min: 1,
            max: 1000,
            default: None,
        },
        "100 when absent",
    ),
    Param::optional(
        Place::Body,
        "batch_size",
        Kind::Int {
            min: 1,
            max: 64,
            default: None,
        },
        "16 when absent",
    ),
    Param::optional(
        Place::Body,
        "learning_rate",
        Kind::Range {
            min: 0.000_01,
            max: 1.0,
        },
        "0.001 when absent",
    ),
    Param::optional(
        Place::Body,
        "validation_split",
        Kind::Range { min: 0.1, max: 0.5 },
        "0.2 when absent",
    ),
];
/// Parameters of routes on one dataset.
pub(crate) const DATASET: &[Param] = &[DATASET_ID];
/// Parameters of an image upload.
pub(crate) const IMAGE: &[Param] = &[
    DATASET_ID,
    Param::required(
        Place::Part,
        "file",
        Kind::File,
        "The image: jpg, png or bmp",
    ),
    Param::optional(Place::Part, "label", Kind::Text, "What it shows"),
];
const DATASET_ID: Param = Param::required(Place::Path, "dataset_id", Kind::Id, "Id of the dataset");
/// Parameters of routes on one model.
pub(crate) const MODEL: &[Param] = &[Param::required(
    Place::Path,
    "model_id",
    Kind::Id,
    "Id of the model",
)];
/// Parameters of routes on one training.
pub(crate) const JOB: &[Param] = &[Param::required(
    Place::Path,
    "job_id",
    Kind::Id,
    "Id of the training",
)];

/// The upstream in `/api/health/detailed`.
#[derive(Serialize, ToSchema)]
pub(crate) struct UpstreamHealth {
    /// `closed` while it answers, `open` while it is left alone, `half_open`
    /// while one request tries it again.
    breaker: &'static str,
    /// Seconds until it is tried again, while it is left alone.
    retry_in_s: Option<u64>,
    /// What went wrong last.
    last_failure: Option<String>,
    /// When that was.
    last_failure_at: Option<Ts>,
}

impl UpstreamHealth {
    /// How it is; none without a configured one.
    pub(crate) fn of(upstream: &Upstream) -> Option<UpstreamHealth> {
        let view = upstream.view()?;
        let (at, words) = view.last_failure.unzip();
        Some(UpstreamHealth {
            breaker: match view.breaker {
                BreakerState::Closed => "closed",
                BreakerState::Open => "open",
                BreakerState::HalfOpen => "half_open",
            },
            retry_in_s: view.retry_in_s,
            last_failure: words,
            last_failure_at: at.map(Ts),
        })
    }
}

/// Why the upstream is left alone; nothing in it while it is not, and nothing
/// at all where there is no upstream.
pub(crate) fn trouble(upstream: &Upstream) -> Option<Option<String>> {
    let view = upstream.view()?;
    let left_alone = view.breaker != BreakerState::Closed;
    Some(left_alone.then(|| {
        view.last_failure
            .map_or_else(|| "it does not answer".to_owned(), |(_, words)| words)
    }))
}

/// Every route whose body, if any, is small JSON.
pub(crate) fn forward(mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        check_path(&call)?;
        let body = match takes_body(call.params) {
            true => Some(checked_body(&mut call)?),
            false => None,
        };
        let content_type = body.is_some().then(|| respond::JSON.clone());
        let limit = call.config.server.max_body_bytes as u64;
        pass_on(&call, content_type, body, limit).await
    })
}

/// `POST /api/vision/detection`: checked as any other while it is small. A
/// larger one is passed on as it comes, and checked by the upstream: held as a
/// whole, a few of them would fill a board's memory.
pub(crate) fn detect(mut call: Call, body: Body) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let length = declared(&call);
        let body =
            if length.is_some_and(|length| length <= call.config.server.max_body_bytes as u64) {
                let whole = read_body(&call.config, &call.parts, body).await?;
                call.inputs = call.inputs.with_body(&whole.bytes)?;
                checked_body(&mut call)?
            } else {
                refuse_longer(length, DETECTION_BYTES)?;
                body
            };
        pass_on(
            &call,
            Some(respond::JSON.clone()),
            Some(body),
            DETECTION_BYTES,
        )
        .await
    })
}

/// `POST /api/vision/datasets/{dataset_id}/images`: the form is passed on as it
/// comes.
pub(crate) fn upload(call: Call, body: Body) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        check_path(&call)?;
        let content_type = call
            .parts
            .headers
            .get(header::CONTENT_TYPE)
            .filter(|value| is_form(value))
            .cloned();
        let Some(content_type) = content_type else {
            return Err(ApiError::validation(vec![Issue::new(
                "missing",
                "body",
                "file",
                "Field required",
                Value::Null,
            )]));
        };
        refuse_longer(declared(&call), UPLOAD_BYTES)?;
        pass_on(&call, Some(content_type), Some(body), UPLOAD_BYTES).await
    })
}

/// Whether a body of that type can hold the part `file`.
fn is_form(content_type: &HeaderValue) -> bool {
    let text = content_type
        .to_str()
        .unwrap_or_default()
        .to_ascii_lowercase();
    text.starts_with("multipart/form-data") && text.contains("boundary=")
}

fn check_path(call: &Call) -> Result<(), ApiError> {
    let id = call.params.iter().find(|param| param.place == Place::Path);
    id.map_or(Ok(()), |param| path_id(param.name, &call.param))
}

/// The body as it was read, once nothing is wrong with it: what was checked is
/// what the upstream gets.
fn checked_body(call: &mut Call) -> Result<Body, ApiError> {
    call.inputs.look_at(call.params);
    call.inputs.finish()?;
    for param in call.params {
        if let (Kind::Chars { max, .. }, Some(text)) =
            (param.kind, call.inputs.body().get(param.name))
        {
            let text = text.as_str().unwrap_or_default();
            sanitise(text, max).map_err(|error| ApiError::invalid(error.to_string()))?;
        }
    }
    Ok(Body::from(respond::render(call.inputs.body())))
}

/// The length a body says it has; hyper has refused one that is no number.
fn declared(call: &Call) -> Option<u64> {
    call.parts
        .headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn refuse_longer(length: Option<u64>, limit: u64) -> Result<(), ApiError> {
    if length.is_some_and(|length| length > limit) {
        Err(ApiError::too_large(limit as usize))
    } else {
        Ok(())
    }
}

async fn pass_on(
    call: &Call,
    content_type: Option<HeaderValue>,
    body: Option<Body>,
    limit: u64,
) -> Outcome {
    // `HEAD` is answered from `GET`, see the gate.
    let asked = &call.parts.method;
    let method = if *asked == Method::HEAD {
        Method::GET
    } else {
        asked.clone()
    };
    let client_timeout = Duration::from_secs(call.config.server.body_timeout_s);
    let path = call.parts.uri.path().to_owned();
    let forward = Forward {
        method,
        path,
        content_type,
        body,
        limit,
        client_timeout,
    };
    let answer = call.app.upstream.forward(forward).await?;
    if answer.status().is_success() {
        Ok(answer)
    } else {
        Ok(refusal(call, answer).await)
    }
}

/// What the upstream refused, in the one envelope: its own if it wrote one,
/// else made from what it said.
async fn refusal(call: &Call, answer: Response) -> Response {
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
    fn an_upload_is_a_form() {
        let is = |text: &'static str| is_form(&HeaderValue::from_static(text));
        assert!(is("multipart/form-data; boundary=x") && is("Multipart/Form-Data; Boundary=\"x\""));
        assert!(!is("multipart/form-data") && !is("application/json") && !is("image/png"));
    }
}
