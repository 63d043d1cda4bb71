//! Contract 8: what a dashboard shows. Permission `dashboard`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::response_cache::GAUGES_TTL;
use crate::http::route::{Gives, Policy, Route};
use crate::http::rows::get;
use crate::http::scalars::{Ts, round1};
use crate::http::shape::{list_of, of};
use crate::http::state::App;
use crate::routes::drone_views::DroneStatus;
use crate::routes::health;
use crate::routes::machine::HostPerformance;
use crate::routes::samples::HISTORY_MINUTES;
use crate::sources::vehicles::LinkState;
use readings::clock::{epoch_seconds, wall_now};
use readings::{BOARD, Metric};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/dashboard/system",
        Policy::Dashboard,
        system,
        Gives::Json(of::<SystemStatus>()),
    )
    .about("dashboard", "Get the system status"),
    get(
        "/api/dashboard/drones",
        Policy::Dashboard,
        drones,
        Gives::Json(list_of::<DroneStatus>()),
    )
    .about("dashboard", "Get the status of all drones"),
    get(
        "/api/dashboard/metrics/history",
        Policy::Dashboard,
        history,
        Gives::Json(of::<MetricsHistory>()),
    )
    .about("dashboard", "Get processor and memory usage by the minute")
    .takes(HISTORY),
    get(
        "/api/dashboard/performance",
        Policy::Dashboard,
        performance,
        Gives::Json(of::<HostPerformance>()),
    )
    .about(
        "dashboard",
        "Get details of the machine: processor, memory, disk, network",
    ),
    get(
        "/api/dashboard/overview",
        Policy::Dashboard,
        overview,
        Gives::Json(of::<Overview>()),
    )
    .about("dashboard", "Get an overview of system and drones"),
    get(
        "/api/dashboard/alerts",
        Policy::Dashboard,
        alerts,
        Gives::Json(of::<DerivedAlerts>()),
    )
    .about(
        "dashboard",
        "List what is wrong now, whether or not a rule watches it",
    ),
];

const DURATION: Param = Param::optional(
    Location::Query,
    "duration",
    Kind::Int {
        min: 1,
        max: HISTORY_MINUTES,
        default: Some(60),
    },
    "Minutes",
);

/// Parameters of `GET /api/dashboard/metrics/history`.
pub(crate) const HISTORY: &[Param] = &[DURATION];

/// Contract 2.8.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemStatus {
    /// Null, as the two below it, while the machine does not say.
    pub(crate) cpu_usage: Option<f64>,
    /// Memory in use, in percent.
    pub(crate) memory_usage: Option<f64>,
    /// How full the root file system is, in percent.
    pub(crate) disk_usage: Option<f64>,
    /// Of the board, in °C.
    temperature: Option<f64>,
    /// Drones that are connected.
    connected_drones: usize,
    /// Always 0: tracking is the upstream's.
    active_tracking: u32,
    /// Always 0: they are the upstream's.
    running_training_jobs: u32,
    /// Seconds since the gateway started.
    uptime: u64,
    last_updated: Ts,
    /// Alerts that are not over.
    active_alerts: usize,
    /// `healthy`, `degraded` or `critical`.
    pub(crate) status: &'static str,
    pub(crate) timestamp: Ts,
}

impl SystemStatus {
    /// Of the gateway now. Tracking and training run elsewhere and are not
    /// known here: none is what this gateway does.
    pub(crate) fn now(app: &App) -> SystemStatus {
        let (system, alerts) = (app.performance.system(), app.alerts.summary());
        let now = Ts::now();
        SystemStatus {
            cpu_usage: system.cpu_pct().map(round1),
            memory_usage: system.memory_pct().map(round1),
            disk_usage: system.disk_pct().map(round1),
            temperature: system.temperature_c.map(round1),
            connected_drones: app.vehicles.connected(),
            active_tracking: 0,
            running_training_jobs: 0,
            uptime: app.uptime_s(),
            last_updated: now,
            active_alerts: alerts.unresolved,
            status: health::system_status(health::score(&system, &alerts)),
            timestamp: now,
        }
    }
}

/// The rendered [`SystemStatus`], shared by the route and the broadcasts. The
/// key changes with the alerts and the fleet: a client that just acknowledged
/// or connected sees it.
pub(crate) fn system_status(app: &App) -> bytes::Bytes {
    let key = format_args!(
        "dashboard/system/{}/{}",
        app.alerts.version(),
        app.vehicles.connected()
    );
    app.responses
        .bytes(key, GAUGES_TTL, || respond::render(&SystemStatus::now(app)))
}

/// `GET /api/dashboard/system`
pub(crate) fn system(call: &mut Call) -> Outcome {
    let app = &call.app;
    app.performance()?;
    app.alerts()?;
    Ok(respond::json_bytes(system_status(app)))
}

/// `GET /api/dashboard/drones`
pub(crate) fn drones(call: &mut Call) -> Outcome {
    let drones = call.app.vehicles.views();
    Ok(respond::json(
        &drones.iter().map(DroneStatus::from).collect::<Vec<_>>(),
    ))
}

/// Contract 8.1.
#[derive(Serialize, ToSchema)]
pub(crate) struct MetricsHistory {
    /// Seconds since 1970, ascending, a minute apart.
    timestamps: Vec<f64>,
    /// Processor use in percent.
    cpu_usage: Vec<f64>,
    /// Memory use in percent.
    memory_usage: Vec<f64>,
    /// Minutes looked back.
    duration_minutes: i64,
    generated_at: Ts,
}

/// `GET /api/dashboard/metrics/history`
pub(crate) fn history(call: &mut Call) -> Outcome {
    let duration = call.inputs.int(&DURATION);
    call.inputs.finish()?;
    let duration_minutes = duration.unwrap_or(60);
    let mut answer = MetricsHistory {
        timestamps: Vec::new(),
        cpu_usage: Vec::new(),
        memory_usage: Vec::new(),
        duration_minutes,
        generated_at: Ts::now(),
    };
    if let Some(board) = call.app.sources.find(BOARD) {
        let oldest = epoch_seconds(wall_now()) - duration_minutes as f64 * 60.0;
        let of = |metric| {
            call.app
                .telemetry
                .minutes(board.id, metric, duration_minutes as usize)
        };
        let memory = of(Metric::MemoryUsage);
        for cpu in of(Metric::CpuUsage)
            .into_iter()
            .filter(|point| point.epoch_s >= oldest)
        {
            // Both are sampled together; a step that has only one is left out,
            // so that the three arrays stay of one length.
            let Some(memory) = memory.iter().find(|point| point.epoch_s == cpu.epoch_s) else {
                continue;
            };
            answer.timestamps.push(cpu.epoch_s);
            answer.cpu_usage.push(round1(f64::from(cpu.mean)));
            answer.memory_usage.push(round1(f64::from(memory.mean)));
        }
    }
    Ok(respond::json(&answer))
}

/// `GET /api/dashboard/performance`
pub(crate) fn performance(call: &mut Call) -> Outcome {
    let app = &call.app;
    let performance = app.performance()?;
    Ok(app
        .responses
        .answer(format_args!("dashboard/performance"), GAUGES_TTL, || {
            respond::render(&HostPerformance::of(&performance.system(), app.uptime_s()))
        }))
}

/// Contract 8.4.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    /// The machine.
    system: OverviewSystem,
    /// Drones.
    drones: OverviewDrones,
    /// Models.
    models: OverviewModels,
    /// Data sets.
    datasets: OverviewDatasets,
    last_updated: Ts,
}

#[derive(Serialize, ToSchema)]
struct OverviewSystem {
    /// Null, as the two below it, while the machine does not say.
    cpu_usage: Option<f64>,
    /// Memory in use, in percent.
    memory_usage: Option<f64>,
    /// How full the root file system is, in percent.
    disk_usage: Option<f64>,
    /// Seconds since the gateway started.
    uptime_seconds: u64,
}

#[derive(Serialize, ToSchema)]
struct OverviewDrones {
    /// Drones that are connected.
    connected_count: usize,
    /// Always false: tracking is the upstream's.
    tracking_active: bool,
}

#[derive(Serialize, ToSchema)]
struct OverviewModels {
    /// Always 0: they are the upstream's.
    total_count: u32,
    /// Always 0: they are the upstream's.
    available_detection_models: u32,
    /// Always 0: they are the upstream's.
    active_training_jobs: u32,
}

#[derive(Serialize, ToSchema)]
struct OverviewDatasets {
    /// Always 0: they are the upstream's.
    total_count: u32,
}

/// `GET /api/dashboard/overview`
pub(crate) fn overview(call: &mut Call) -> Outcome {
    let app = &call.app;
    let (system, vehicles) = (app.performance()?.system(), &app.vehicles);
    Ok(respond::json(&Overview {
        system: OverviewSystem {
            cpu_usage: system.cpu_pct().map(round1),
            memory_usage: system.memory_pct().map(round1),
            disk_usage: system.disk_pct().map(round1),
            uptime_seconds: app.uptime_s(),
        },
        drones: OverviewDrones {
            connected_count: vehicles.connected(),
            tracking_active: false,
        },
        models: OverviewModels {
            total_count: 0,
            available_detection_models: 0,
            active_training_jobs: 0,
        },
        datasets: OverviewDatasets { total_count: 0 },
        last_updated: Ts::now(),
    }))
}

/// A condition seen now, whether or not a rule watches it.
#[derive(Serialize, ToSchema)]
struct DerivedAlert {
    /// `info`, `warning`, `error` or `critical`.
    level: &'static str,
    /// What it is about.
    #[serde(rename = "type")]
    alert_type: &'static str,
    /// What is wrong, for people.
    message: String,
    timestamp: Ts,
    /// More about it, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

/// Contract 8.5.
#[derive(Serialize, ToSchema)]
pub(crate) struct DerivedAlerts {
    /// What is wrong now.
    alerts: Vec<DerivedAlert>,
    /// How many are listed.
    total_count: usize,
}

/// `GET /api/dashboard/alerts`
pub(crate) fn alerts(call: &mut Call) -> Outcome {
    let app = &call.app;
    let (system, drones) = (app.performance()?.system(), app.vehicles.views());
    let timestamp = Ts::now();
    let loads = [
        ("CPU usage", system.cpu_pct(), Some(80.0)),
        ("Memory usage", system.memory_pct(), Some(80.0)),
        ("Disk usage", system.disk_pct(), None),
    ];
    let mut alerts: Vec<DerivedAlert> = loads
        .into_iter()
        .filter_map(|(what, value, warning)| {
            let value = value?;
            Some((what, value, load_level(value, warning)?))
        })
        .map(|(what, value, level)| DerivedAlert {
            level,
            alert_type: "system",
            message: format!("{what} is high: {value:.1}%"),
            timestamp,
            details: None,
        })
        .collect();
    let away: Vec<&str> = drones
        .iter()
        .filter(|drone| drone.link != LinkState::Connected)
        .map(|drone| &*drone.id)
        .collect();
    if !away.is_empty() {
        alerts.push(DerivedAlert {
            level: "info",
            alert_type: "drones",
            message: format!("{} drone(s) disconnected", away.len()),
            timestamp,
            details: Some(away.join(", ")),
        });
    }
    Ok(respond::json(&DerivedAlerts {
        total_count: alerts.len(),
        alerts,
    }))
}

/// Over 90 is critical, over the lower line (where there is one) a warning.
fn load_level(value: f64, warning_over: Option<f64>) -> Option<&'static str> {
    if value > 90.0 {
        Some("critical")
    } else {
        warning_over.filter(|line| value > *line).map(|_| "warning")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_high_above_its_line() {
        for (value, warning_over, level) in [
            (80.0, Some(80.0), None),
            (80.1, Some(80.0), Some("warning")),
            (90.0, Some(80.0), Some("warning")),
            (90.1, Some(80.0), Some("critical")),
            // Of a disk only the upper line counts.
            (90.0, None, None),
            (90.1, None, Some("critical")),
        ] {
            assert_eq!(load_level(value, warning_over), level, "{value}");
        }
    }
}
