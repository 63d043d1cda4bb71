//! Contract 12, 13, 14: vision, datasets, models. Checked here, answered by the
//! configured upstream.
//!
//! Key, permission, ids and bodies are checked before anything is passed on;
//! what the upstream refuses comes back in the one envelope. Which models,
//! datasets and jobs exist only the upstream knows: nothing is invented here.

use std::time::Duration;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, header};
use serde_json::Value;

use crate::http::body::read_body;
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param, takes_body};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Route, Run, Verb};
use crate::http::rows::{READ, WRITE};
use crate::http::shape::{Shape, list_of, of};
use crate::routes::upstream_params::{
    DATASET, DETECTION, IMAGE, JOB, MODEL, NEW_DATASET, TRACKING, TRAINING,
};
use crate::routes::upstream_refusals::refusal;
use crate::routes::upstream_shapes::{
    Dataset, DatasetImage, DetectionResult, Model, ModelStatistics, TrackingStatus, TrainingJob,
};
use crate::upstream::Forward;
use access::sanitise;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    streamed_on(
        "/api/vision/detection",
        DETECTION,
        detect,
        of::<DetectionResult>(),
    )
    .about("vision", "Detect objects in an image"),
    passed_on(Verb::Post, "/api/vision/tracking/start", TRACKING, DONE).about(
        "vision",
        "Start tracking: a drone follows a detected object",
    ),
    passed_on(Verb::Post, "/api/vision/tracking/stop", &[], DONE).about("vision", "Stop tracking"),
    passed_on(
        Verb::Get,
        "/api/vision/tracking/status",
        &[],
        of::<TrackingStatus>(),
    )
    .about("vision", "Get the state of tracking"),
    passed_on(Verb::Get, "/api/vision/datasets", &[], list_of::<Dataset>())
        .about("datasets", "List all datasets"),
    passed_on(
        Verb::Post,
        "/api/vision/datasets",
        NEW_DATASET,
        of::<Dataset>(),
    )
    .about("datasets", "Create a dataset"),
    passed_on(
        Verb::Get,
        "/api/vision/datasets/{dataset_id}",
        DATASET,
        of::<Dataset>(),
    )
    .about("datasets", "Get one dataset"),
    passed_on(
        Verb::Delete,
        "/api/vision/datasets/{dataset_id}",
        DATASET,
        DONE,
    )
    .about("datasets", "Delete a dataset"),
    streamed_on(
        "/api/vision/datasets/{dataset_id}/images",
        IMAGE,
        upload,
        of::<DatasetImage>(),
    )
    .about("datasets", "Add an image to a dataset"),
    passed_on(Verb::Get, "/api/models", &[], list_of::<Model>()).about("models", "List all models"),
    passed_on(Verb::Post, "/api/models", TRAINING, of::<TrainingJob>())
        .about("models", "Train a model"),
    passed_on(
        Verb::Get,
        "/api/models/training",
        &[],
        list_of::<TrainingJob>(),
    )
    .about("models", "List all training jobs"),
    passed_on(
        Verb::Get,
        "/api/models/training/active",
        &[],
        list_of::<TrainingJob>(),
    )
    .about("models", "List training jobs that are queued or running"),
    passed_on(
        Verb::Get,
        "/api/models/statistics",
        &[],
        of::<ModelStatistics>(),
    )
    .about("models", "Get the number of models and training jobs"),
    passed_on(
        Verb::Get,
        "/api/models/training/{job_id}",
        JOB,
        of::<TrainingJob>(),
    )
    .about("models", "Get one training job"),
    passed_on(
        Verb::Post,
        "/api/models/training/{job_id}/cancel",
        JOB,
        DONE,
    )
    .about("models", "Cancel a training job"),
    passed_on(Verb::Get, "/api/models/{model_id}", MODEL, of::<Model>())
        .about("models", "Get one model"),
    passed_on(Verb::Delete, "/api/models/{model_id}", MODEL, DONE)
        .about("models", "Delete a model"),
];

/// What an upstream says of what it did.
const DONE: Shape = of::<SuccessResponse>();

/// Largest detection request: an image in base64 (contract 1.8).
const DETECTION_BYTES: u64 = 20 * 1024 * 1024;
/// Largest image upload (contract 1.8), and the form around it.
const UPLOAD_BYTES: u64 = 10 * 1024 * 1024 + 16 * 1024;
/// A route of the upstream's; what it takes is checked here.
const fn passed_on(
    verb: Verb,
    path: &'static str,
    params: &'static [Param],
    answer: Shape,
) -> Route {
    let policy = if matches!(verb, Verb::Get) {
        READ
    } else {
        WRITE
    };
    let gives = Gives::Forwarded(answer);
    Route::new(verb, path, policy, Run::Later(forward), gives).takes(params)
}

/// The same for bodies that are passed on as they come.
const fn streamed_on(
    path: &'static str,
    params: &'static [Param],
    handler: fn(Call, Body) -> BoxFuture<'static, Outcome>,
    answer: Shape,
) -> Route {
    Route::new(
        Verb::Post,
        path,
        WRITE,
        Run::Stream(handler),
        Gives::Forwarded(answer),
    )
    .takes(params)
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
    let id = call
        .params
        .iter()
        .find(|param| param.location == Location::Path);
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
        principal: call.principal(),
        client_timeout,
    };
    let answer = call.app.upstream.forward(forward).await?;
    if answer.status().is_success() {
        Ok(answer)
    } else {
        Ok(refusal(call, answer).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_a_form() {
        let is = |text: &'static str| is_form(&HeaderValue::from_static(text));
        assert!(is("multipart/form-data; boundary=x") && is("Multipart/Form-Data; Boundary=\"x\""));
        assert!(!is("multipart/form-data") && !is("application/json") && !is("image/png"));
    }

    #[test]
    fn a_body_may_be_as_long_as_its_limit() {
        for (length, is_fine) in [(None, true), (Some(10), true), (Some(11), false)] {
            assert_eq!(refuse_longer(length, 10).is_ok(), is_fine, "{length:?}");
        }
    }
}
