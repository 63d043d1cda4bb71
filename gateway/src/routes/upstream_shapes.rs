//! What the vision service answers (contract 12, 13, 14), for the OpenAPI document.
//!
//! The gateway passes these answers on as they come, and reads none of them: the types
//! stand for their shapes alone. What a service of a site gives beside them comes through
//! as well.

use utoipa::ToSchema;

use crate::http::scalars::Ts;

/// A rectangle in an image, in pixels from its upper left corner.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
struct BoundingBox {
    /// Left edge.
    #[schema(minimum = 0, example = 212.0)]
    x: f64,
    /// Upper edge.
    #[schema(minimum = 0, example = 96.0)]
    y: f64,
    /// Width, more than 0.
    #[schema(minimum = 0, example = 88.0)]
    width: f64,
    /// Height, more than 0.
    #[schema(minimum = 0, example = 240.0)]
    height: f64,
}

/// One thing that was found in an image.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
struct Detection {
    /// What it is, as the model calls it.
    #[schema(example = "person")]
    label: String,
    /// How sure the model is; never below the threshold that was asked for.
    #[schema(minimum = 0, maximum = 1, example = 0.91)]
    confidence: f64,
    /// Where it is.
    bbox: BoundingBox,
}

/// What was found in an image.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(crate) struct DetectionResult {
    /// What was found; empty when nothing was.
    detections: Vec<Detection>,
    /// Seconds that it took.
    #[schema(minimum = 0, example = 0.124)]
    processing_time: f64,
    /// Model that looked.
    #[schema(example = "yolo_v8_general")]
    model_id: String,
}

/// Whether a drone follows something. While none does, all but the two flags are null.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(crate) struct TrackingStatus {
    /// Whether a tracking runs.
    is_active: bool,
    /// Model that looks.
    #[schema(example = "yolo_v8_person_detector")]
    model_id: Option<String>,
    /// Drone whose video is watched.
    #[schema(example = "drone_001")]
    drone_id: Option<String>,
    /// Whether what is followed is seen now.
    target_detected: bool,
    /// Where it was seen last.
    target_position: Option<BoundingBox>,
    /// Centimetres between the drone and what it follows.
    #[schema(minimum = 50, maximum = 500, example = 200)]
    follow_distance: Option<u32>,
    /// When it was seen last.
    last_detection_time: Option<Ts>,
    /// When the tracking began.
    started_at: Option<Ts>,
}

/// A set of images to train with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(crate) struct Dataset {
    /// Id in paths.
    #[schema(example = "dataset_4f1c09ab")]
    id: String,
    /// Name for people.
    #[schema(example = "Hall 2")]
    name: String,
    /// What it is for.
    #[schema(example = "People and forklifts")]
    description: Option<String>,
    /// Images in it.
    #[schema(minimum = 0, example = 320)]
    image_count: u32,
    /// What its images show.
    #[schema(example = json!(["person", "forklift"]))]
    labels: Vec<String>,
    /// When it was made.
    created_at: Ts,
    /// When an image came last.
    updated_at: Option<Ts>,
}

/// An image of a dataset.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(crate) struct DatasetImage {
    /// Id of the image.
    #[schema(example = "img_3fa9c2d17b60")]
    id: String,
    /// Name of its file.
    #[schema(example = "img_3fa9c2d17b60.jpg")]
    filename: String,
    /// Where it is kept, as a path of the service.
    #[schema(example = "/datasets/dataset_4f1c09ab/images/img_3fa9c2d17b60.jpg")]
    path: String,
    /// What it shows.
    #[schema(example = "person")]
    label: Option<String>,
    /// Dataset that it is in.
    #[schema(example = "dataset_4f1c09ab")]
    dataset_id: String,
    /// When it came.
    uploaded_at: Ts,
}

/// A model that finds things in images.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(crate) struct Model {
    /// Id in paths.
    #[schema(example = "model_7be01c52")]
    id: String,
    /// Name for people.
    #[schema(example = "Forklifts of hall 2")]
    name: String,
    /// What it is for.
    #[schema(example = "People and forklifts")]
    description: Option<String>,
    /// Dataset that it was trained with.
    #[schema(example = "dataset_4f1c09ab")]
    dataset_id: String,
    /// `yolo`, `ssd` or `faster_rcnn`.
    #[schema(example = "yolo")]
    model_type: String,
    /// `training`, `completed` or `failed`.
    #[schema(example = "completed")]
    status: String,
    /// Share that it gets right.
    #[schema(minimum = 0, maximum = 1, example = 0.89)]
    accuracy: Option<f64>,
    /// Where the service keeps it, if it says so.
    #[schema(example = "/models/model_7be01c52.pt")]
    file_path: Option<String>,
    /// When its training was asked for.
    created_at: Ts,
    /// When it was trained.
    trained_at: Option<Ts>,
}

/// A training, from asked for to over.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(crate) struct TrainingJob {
    /// Id in paths.
    #[schema(example = "job_19c4d0e8")]
    id: String,
    /// Name of the model that comes of it.
    #[schema(example = "Forklifts of hall 2")]
    model_name: String,
    /// Dataset that it trains with.
    #[schema(example = "dataset_4f1c09ab")]
    dataset_id: String,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(example = "running")]
    status: String,
    /// Percent that is done.
    #[schema(minimum = 0, maximum = 100, example = 42.0)]
    progress: f64,
    /// Pass over the dataset that it is at.
    #[schema(example = 42)]
    current_epoch: Option<u32>,
    /// Passes in all.
    #[schema(minimum = 1, example = 100)]
    total_epochs: Option<u32>,
    /// Loss after the last pass.
    #[schema(minimum = 0, example = 0.213)]
    loss: Option<f64>,
    /// Share that it gets right after the last pass.
    #[schema(minimum = 0, maximum = 1, example = 0.81)]
    accuracy: Option<f64>,
    /// Seconds that it may take yet.
    #[schema(example = 540)]
    estimated_remaining_time: Option<u32>,
    /// When it began.
    started_at: Option<Ts>,
    /// When it was over; null before.
    completed_at: Option<Ts>,
    /// Why it failed; null unless it did.
    error_message: Option<String>,
}

/// How many models and trainings there are.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(crate) struct ModelStatistics {
    /// Models.
    #[schema(example = 4)]
    total_models: u32,
    /// Models by type.
    #[schema(example = json!({"yolo": 3, "ssd": 1}))]
    model_types: std::collections::BTreeMap<String, u32>,
    /// Trainings, those that are over included.
    #[schema(example = 6)]
    total_training_jobs: u32,
    /// Trainings that are queued or running.
    #[schema(example = 1)]
    active_training_jobs: u32,
    /// Trainings by status.
    #[schema(example = json!({"completed": 4, "cancelled": 1, "running": 1}))]
    job_statuses: std::collections::BTreeMap<String, u32>,
    /// When these figures were counted.
    last_updated: Ts,
}
