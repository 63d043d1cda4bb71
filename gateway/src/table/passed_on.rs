//! Vision, datasets and models, which are the upstream's.

use super::{passed_on, streamed_on};
use crate::http::route::{Route, Verb};
use crate::routes::upstream;
use crate::routes::upstream_params;

pub(super) const ROUTES: &[Route] = &[
    // Vision, datasets, models: the upstream's.
    streamed_on(
        "/api/vision/detection",
        upstream_params::DETECTION,
        upstream::detect,
    )
    .about("vision", "Find things in an image"),
    passed_on(
        Verb::Post,
        "/api/vision/tracking/start",
        upstream_params::TRACKING,
    )
    .about("vision", "Have a drone follow what is detected"),
    passed_on(Verb::Post, "/api/vision/tracking/stop", &[]).about("vision", "Follow no more"),
    passed_on(Verb::Get, "/api/vision/tracking/status", &[]).about("vision", "What is followed"),
    passed_on(Verb::Get, "/api/vision/datasets", &[]).about("datasets", "Every dataset"),
    passed_on(
        Verb::Post,
        "/api/vision/datasets",
        upstream_params::NEW_DATASET,
    )
    .about("datasets", "Make a dataset"),
    passed_on(
        Verb::Get,
        "/api/vision/datasets/{dataset_id}",
        upstream_params::DATASET,
    )
    .about("datasets", "One dataset"),
    passed_on(
        Verb::Delete,
        "/api/vision/datasets/{dataset_id}",
        upstream_params::DATASET,
    )
    .about("datasets", "Delete a dataset"),
    streamed_on(
        "/api/vision/datasets/{dataset_id}/images",
        upstream_params::IMAGE,
        upstream::upload,
    )
    .about("datasets", "Add an image to a dataset"),
    passed_on(Verb::Get, "/api/models", &[]).about("models", "Every model"),
    passed_on(Verb::Post, "/api/models", upstream_params::TRAINING)
        .about("models", "Train a model"),
    passed_on(Verb::Get, "/api/models/training", &[]).about("models", "Every training"),
    passed_on(Verb::Get, "/api/models/training/active", &[])
        .about("models", "Trainings queued or running"),
    passed_on(Verb::Get, "/api/models/statistics", &[])
        .about("models", "Counts of models and trainings"),
    passed_on(
        Verb::Get,
        "/api/models/training/{job_id}",
        upstream_params::JOB,
    )
    .about("models", "One training"),
    passed_on(
        Verb::Post,
        "/api/models/training/{job_id}/cancel",
        upstream_params::JOB,
    )
    .about("models", "End a training"),
    passed_on(Verb::Get, "/api/models/{model_id}", upstream_params::MODEL)
        .about("models", "One model"),
    passed_on(
        Verb::Delete,
        "/api/models/{model_id}",
        upstream_params::MODEL,
    )
    .about("models", "Delete a model"),
];
