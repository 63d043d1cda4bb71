//! What the routes of vision, datasets and models take (contract 12, 13, 14).

use crate::http::params::{Kind, Location, Param};

/// Characters of `name` and `description` (contract 1.8).
const NAME: Kind = Kind::Chars { min: 1, max: 100 };
const DESCRIPTION: Kind = Kind::Chars { min: 0, max: 500 };

const CONFIDENCE: Param = Param::optional(
    Location::Body,
    "confidence_threshold",
    Kind::Range {
        min: 0.0,
        max: 1.0,
        default: Some(0.5),
    },
    "Least confidence of a detection",
);
const MODEL_ID: Param = Param::required(Location::Body, "model_id", Kind::Text, "Id of a model");
const NAMED: Param = Param::required(Location::Body, "name", NAME, "Name for people");
const DESCRIBED: Param =
    Param::optional(Location::Body, "description", DESCRIPTION, "What it is for");

/// Parameters of a detection.
pub(crate) const DETECTION: &[Param] = &[
    Param::required(
        Location::Body,
        "image",
        Kind::Text,
        "JPEG or PNG, as base64",
    ),
    MODEL_ID,
    CONFIDENCE,
];
/// Parameters of a tracking.
pub(crate) const TRACKING: &[Param] = &[
    MODEL_ID,
    // Not looked up: the contract wants an unknown drone accepted.
    Param::required(
        Location::Body,
        "drone_id",
        Kind::Text,
        "Drone whose video is watched",
    ),
    CONFIDENCE,
    Param::optional(
        Location::Body,
        "follow_distance",
        Kind::Int {
            min: 50,
            max: 500,
            default: Some(200),
        },
        "Centimetres between the drone and what it follows",
    ),
];
/// Parameters of a new dataset.
pub(crate) const NEW_DATASET: &[Param] = &[NAMED, DESCRIBED];
/// Parameters of a training.
pub(crate) const TRAINING: &[Param] = &[
    NAMED,
    DESCRIBED,
    Param::required(
        Location::Body,
        "dataset_id",
        Kind::Text,
        "Dataset to train with",
    ),
    Param::optional(
        Location::Body,
        "model_type",
        Kind::Choice(&["yolo", "ssd", "faster_rcnn"]),
        "yolo when absent",
    ),
    Param::optional(
        Location::Body,
        "training_params",
        Kind::Fields(TRAINING_PARAMS),
        "How to train",
    ),
];
const TRAINING_PARAMS: &[Param] = &[
    Param::optional(
        Location::Body,
        "epochs",
        Kind::Int {
            min: 1,
            max: 1000,
            default: Some(100),
        },
        "Passes over the dataset",
    ),
    Param::optional(
        Location::Body,
        "batch_size",
        Kind::Int {
            min: 1,
            max: 64,
            default: Some(16),
        },
        "Images per step",
    ),
    Param::optional(
        Location::Body,
        "learning_rate",
        Kind::Range {
            min: 0.000_01,
            max: 1.0,
            default: Some(0.001),
        },
        "Learning rate",
    ),
    Param::optional(
        Location::Body,
        "validation_split",
        Kind::Range {
            min: 0.1,
            max: 0.5,
            default: Some(0.2),
        },
        "Share of the dataset that is kept for validation",
    ),
];
/// Parameters of routes on one dataset.
pub(crate) const DATASET: &[Param] = &[DATASET_ID];
/// Parameters of an image upload.
pub(crate) const IMAGE: &[Param] = &[
    DATASET_ID,
    Param::required(
        Location::Part,
        "file",
        Kind::File,
        "The image: jpg, png or bmp",
    ),
    Param::optional(Location::Part, "label", Kind::Text, "What it shows"),
];
const DATASET_ID: Param =
    Param::required(Location::Path, "dataset_id", Kind::Id, "Id of the dataset");
/// Parameters of routes on one model.
pub(crate) const MODEL: &[Param] = &[Param::required(
    Location::Path,
    "model_id",
    Kind::Id,
    "Id of the model",
)];
/// Parameters of routes on one training.
pub(crate) const JOB: &[Param] = &[Param::required(
    Location::Path,
    "job_id",
    Kind::Id,
    "Id of the training",
)];
