//! Contract 6.2: recorded samples, by name or all of them.

use std::fmt;
use std::sync::Arc;

use axum::response::Response;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::csv;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route};
use crate::http::rows::{DASHBOARD, get};
use crate::http::scalars::{self, Ts, round1};
use crate::http::shape::of;
use crate::http::state::App;
use crate::performance::{Performance, RouteId};
use readings::clock::{epoch_seconds, wall_now};
use readings::{BOARD, Metric};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[get(
    "/api/performance/metrics",
    DASHBOARD,
    metrics,
    Gives::JsonOr(of::<MetricList>(), csv::MEDIA_TYPE),
)
.about("performance", "List recorded samples, oldest first")
.takes(METRICS)
.also(&["400"])];

/// Minutes of history there are; `duration_minutes=0` asks for all of them.
pub(crate) const HISTORY_MINUTES: i64 = 1440;

/// Most samples in one answer, the newest; as the contract keeps.
const MAX_SAMPLES: usize = 10_000;

/// Under an hour there are fewer than sixty minute steps: second steps show more.
const FINE_MINUTES: i64 = 10;

/// Names of call samples begin with this.
const CALL_PREFIX: &str = "api_call_";

/// The board's metrics listed when no name is given.
const LISTED: [Metric; 3] = [Metric::CpuUsage, Metric::MemoryUsage, Metric::DiskUsage];

const METRIC_NAME: Param = Param::optional(
    Location::Query,
    "metric_name",
    Kind::Text,
    "cpu_usage, memory_usage, disk_usage, another metric of the source, or api_call_<route template>",
);
const DURATION_MINUTES: Param = Param::optional(
    Location::Query,
    "duration_minutes",
    Kind::Int {
        min: 0,
        max: HISTORY_MINUTES,
        default: Some(60),
    },
    "How far back; 0 is the whole history",
);

const SOURCE: Param = Param::optional(
    Location::Query,
    "source",
    Kind::Text,
    "Whose samples of metric_name: board (default), the id of a drone, or bridge/<name>/<sensor>",
);

const STRICT: Param = Param::optional(
    Location::Query,
    "strict",
    Kind::Flag,
    "Whether an unknown metric or source is an error; an empty list when absent",
);

/// Parameters of `GET /api/performance/metrics`.
pub(crate) const METRICS: &[Param] = &[
    METRIC_NAME,
    DURATION_MINUTES,
    SOURCE,
    STRICT,
    LIMIT,
    OFFSET,
    csv::FORMAT,
];

const LIMIT: Param = Param::optional(
    Location::Query,
    "limit",
    Kind::Int {
        min: 0,
        max: MAX_SAMPLES as i64,
        default: None,
    },
    "Most samples; all when absent or 0",
);
const OFFSET: Param = Param::optional(
    Location::Query,
    "offset",
    Kind::Int {
        min: 0,
        max: MAX_SAMPLES as i64,
        default: None,
    },
    "Samples to pass over, the oldest first",
);

/// What a sample is of; of a call, whether it succeeded.
#[derive(Clone, Copy)]
enum Of {
    Metric(Metric),
    Call(RouteId, bool),
}

/// A sample as it is kept until it is shown: a list may have ten thousand, and lies there
/// for as long as its client takes to read it.
#[derive(Clone, Copy)]
struct Kept {
    at_us: i64,
    value: f32,
    /// Lowest and highest within the step that it stands for.
    extremes: [f32; 2],
    of: Of,
}

const _: () = assert!(size_of::<Kept>() == 24);

impl Kept {
    fn value(self) -> f64 {
        self.rounded(self.value)
    }

    /// Calls are as they are: their durations are fractions of a millisecond.
    fn rounded(self, value: f32) -> f64 {
        match self.of {
            Of::Metric(_) => round1(f64::from(value)),
            Of::Call(..) => f64::from(value),
        }
    }

    /// Lowest and highest; of a call there is one value.
    fn extremes(self) -> Option<[f64; 2]> {
        let of_steps = matches!(self.of, Of::Metric(_));
        of_steps.then(|| self.extremes.map(|value| self.rounded(value)))
    }

    fn shown(self, performance: &Performance) -> Sample {
        let (name, success) = match self.of {
            Of::Metric(metric) => (SampleName("", metric.name()), None),
            Of::Call(route, success) => {
                let template = performance.template(route);
                (SampleName(CALL_PREFIX, template), Some(success))
            }
        };
        Sample {
            name,
            value: self.value(),
            min: self.extremes().map(|[min, _]| min),
            max: self.extremes().map(|[_, max]| max),
            timestamp: self.at_us as f64 / 1e6,
            datetime: Ts::from_us(self.at_us),
            metadata: Metadata { success },
        }
    }
}

/// A name in two parts.
struct SampleName(&'static str, &'static str);

impl Serialize for SampleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for SampleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0, self.1)
    }
}

/// One sample.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricSample)]
struct Sample {
    /// Name of the metric.
    #[schema(value_type = String)]
    name: SampleName,
    /// In the metric's unit; of a step of a history, its mean.
    value: f64,
    /// Lowest within the step; absent for a single value.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    /// Highest within the step; absent for a single value.
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// Seconds since 1970.
    timestamp: f64,
    datetime: Ts,
    metadata: Metadata,
}

/// Of call samples: whether the status was under 400.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricMetadata)]
struct Metadata {
    /// Whether the status was under 400; absent of other samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
}

/// Over the samples listed; `count` alone when there are none.
#[derive(Serialize, ToSchema)]
struct MetricSummary {
    /// How many values there are.
    count: usize,
    #[serde(flatten)]
    #[schema(schema_with = scalars::optional::<Extent>)]
    measured: Option<Extent>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MetricExtent)]
struct Extent {
    /// Least value.
    min: f64,
    /// Greatest value.
    max: f64,
    /// Mean.
    avg: f64,
    /// Last value.
    latest: f64,
    /// Minutes looked back.
    duration_minutes: i64,
    /// Name of the metric.
    metric_name: String,
}

/// Answer of `GET /api/performance/metrics`, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct MetricList {
    /// The oldest first.
    metrics: Vec<Sample>,
    #[serde(flatten)]
    rest: Rest,
}

/// What follows the list.
#[derive(Serialize, ToSchema)]
struct Rest {
    /// How many there are, before `limit` and `offset`.
    total_count: usize,
    /// Only when a name was asked for; over all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<MetricSummary>,
}

/// `GET /api/performance/metrics`
pub(crate) fn metrics(call: &mut Call) -> Outcome {
    let (name, minutes) = (
        call.inputs.text(&METRIC_NAME),
        call.inputs.int(&DURATION_MINUTES),
    );
    let source = call.inputs.text(&SOURCE);
    let (limit, offset) = (call.inputs.int(&LIMIT), call.inputs.int(&OFFSET));
    let is_strict = call.inputs.flag(&STRICT).unwrap_or(false);
    let format = call.inputs.text(&csv::FORMAT);
    call.inputs.finish()?;
    let source = source.as_deref().unwrap_or(BOARD);
    let minutes = minutes
        .filter(|minutes| *minutes > 0)
        .unwrap_or(HISTORY_MINUTES);
    if is_strict {
        judge(&call.app, name.as_deref(), source)?;
    }
    let performance = call.app.performance()?;
    let mut samples = match name.as_deref() {
        None => everything(&call.app, performance, minutes),
        Some(name) => match name.strip_prefix(CALL_PREFIX) {
            Some(route) => calls(performance, minutes, |template| template == route),
            None => Metric::from_name(name)
                .map(|metric| of_source(&call.app, source, metric, minutes))
                .unwrap_or_default(),
        },
    };
    // Times come from several histories: one order over all.
    samples.sort_by_key(|sample| sample.at_us);
    samples.drain(..samples.len().saturating_sub(MAX_SAMPLES));
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(i64::MAX);
    let (offset, limit) = (offset.unwrap_or(0) as usize, limit as usize);
    let app = Arc::clone(&call.app);
    let held = samples.capacity() * size_of::<Kept>();
    let frame = MetricList {
        metrics: Vec::new(),
        rest: Rest {
            total_count: samples.len(),
            summary: name.map(|name| summarise(&samples, name, minutes)),
        },
    };
    let page = samples.into_iter().skip(offset).take(limit);
    let shown = page.map(move |sample| sample.shown(&app.performance));
    Ok(match format.as_deref() {
        Some(csv::CSV) => as_csv(shown, source.to_owned(), held),
        _ => respond::streamed(&frame, shown, held),
    })
}

/// Whether there are such a metric and such a source at all.
fn judge(app: &App, name: Option<&str>, source: &str) -> Result<(), ApiError> {
    let is_known =
        name.is_none_or(|name| name.starts_with(CALL_PREFIX) || Metric::from_name(name).is_some());
    if !is_known {
        let error = ApiError::invalid(format!("Unknown metric: {}", name.unwrap_or_default()));
        return Err(error.details(format!("known: {}", Metric::NAMES.join(", "))));
    }
    if app.sources.find(source).is_none() {
        let known: Vec<String> = app.sources.iter().map(|one| one.name.to_string()).collect();
        let error = ApiError::invalid(format!("Unknown source: {source}"));
        return Err(error.details(format!("known: {}", known.join(", "))));
    }
    Ok(())
}

fn as_csv(
    samples: impl Iterator<Item = Sample> + Send + 'static,
    source: String,
    held: usize,
) -> Response {
    let lines = samples.map(move |sample| {
        csv::line(&[
            format!("{:.6}", sample.datetime.0),
            sample.timestamp.to_string(),
            source.clone(),
            sample.name.to_string(),
            sample.value.to_string(),
            // (Empty for a single value, as they are absent from the JSON.)
            sample.min.map(|min| min.to_string()).unwrap_or_default(),
            sample.max.map(|max| max.to_string()).unwrap_or_default(),
        ])
    });
    let columns = [
        "datetime",
        "timestamp",
        "source",
        "metric",
        "value",
        "min",
        "max",
    ];
    csv::answer(&columns, lines, held)
}

fn everything(app: &App, performance: &Performance, minutes: i64) -> Vec<Kept> {
    let mut samples = calls(performance, minutes, |_| true);
    samples.extend(
        LISTED
            .into_iter()
            .flat_map(|metric| of_source(app, BOARD, metric, minutes)),
    );
    samples
}

/// The samples of `metric` at the source of that name; none when it is unknown.
fn of_source(app: &App, source: &str, metric: Metric, minutes: i64) -> Vec<Kept> {
    let Some(source) = app.sources.find(source) else {
        return Vec::new();
    };
    let mut points = Vec::new();
    if minutes > FINE_MINUTES {
        points = app.telemetry.minutes(source.id, metric, minutes as usize);
    }
    if points.is_empty() {
        points = app
            .telemetry
            .seconds(source.id, metric, minutes.min(FINE_MINUTES) as usize * 60);
    }
    let sample = |point: readings::telemetry::Point| Kept {
        at_us: (point.epoch_s * 1e6) as i64,
        value: point.mean,
        extremes: [point.min, point.max],
        of: Of::Metric(metric),
    };
    points.into_iter().map(sample).collect()
}

/// Recorded calls of the routes that `wanted` names.
fn calls(performance: &Performance, minutes: i64, wanted: impl Fn(&str) -> bool) -> Vec<Kept> {
    let oldest = epoch_seconds(wall_now()) - minutes as f64 * 60.0;
    let samples = performance.samples().into_iter().filter_map(|call| {
        let (template, epoch_s) = (performance.template(call.route), epoch_seconds(call.at));
        (epoch_s >= oldest && wanted(template)).then(|| Kept {
            at_us: call.at.as_microsecond(),
            value: call.duration_s,
            extremes: [call.duration_s; 2],
            of: Of::Call(call.route, call.success),
        })
    });
    samples.collect()
}

/// Rounded to a micro-unit: call durations are fractions of a millisecond.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.sum::<f64>() / count * 1e6).round() / 1e6
}

fn summarise(samples: &[Kept], metric_name: String, duration_minutes: i64) -> MetricSummary {
    let values = || samples.iter().map(|sample| sample.value());
    let extremes = |at: usize| {
        let samples = samples.iter();
        samples.map(move |sample| sample.rounded(sample.extremes[at]))
    };
    let (lowest, highest) = (extremes(0), extremes(1));
    let measured = samples.last().map(|last| Extent {
        min: lowest.fold(f64::INFINITY, f64::min),
        max: highest.fold(f64::NEG_INFINITY, f64::max),
        avg: mean(values()),
        latest: last.value(),
        duration_minutes,
        metric_name,
    });
    MetricSummary {
        count: samples.len(),
        measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: f32) -> Kept {
        Kept {
            at_us: 0,
            value,
            extremes: [value; 2],
            of: Of::Metric(Metric::CpuUsage),
        }
    }

    #[test]
    fn a_summary_is_of_the_samples_listed() {
        let samples = [sample(2.0), sample(-1.0), sample(0.5)];
        let summary = summarise(&samples, "cpu_usage".to_owned(), 60);
        assert_eq!(summary.count, 3);
        let extent = summary.measured.expect("there are some");
        assert_eq!((extent.min, extent.max, extent.latest), (-1.0, 2.0, 0.5));
        assert_eq!((extent.avg, extent.duration_minutes), (0.5, 60));
        let none = summarise(&[], "cpu_usage".to_owned(), 60);
        assert!(none.count == 0 && none.measured.is_none());
    }

    #[test]
    fn a_summary_of_minutes_has_the_extremes_within_them() {
        let minute = Kept {
            extremes: [26.0, 31.5],
            ..sample(28.1)
        };
        let extent = summarise(&[minute, sample(28.0)], "battery_level".to_owned(), 60);
        let extent = extent.measured.expect("there are some");
        assert_eq!((extent.min, extent.max, extent.latest), (26.0, 31.5, 28.0));
    }

    #[test]
    fn a_mean_keeps_microseconds() {
        assert_eq!(mean([0.000_001, 0.000_002].into_iter()), 0.000_002);
        assert_eq!(mean([0.000_4, 0.000_6].into_iter()), 0.000_5);
    }
}
