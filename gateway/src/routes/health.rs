//! Contract 7: how well the gateway is, as a score with its parts.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::respond;
use crate::http::response_cache::GAUGES_TTL;
use crate::http::route::{Gives, Route};
use crate::http::rows::{DASHBOARD, get};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::performance::SystemSnapshot;
use crate::routes::alerts::AlertSummary;
use crate::routes::bridges::BridgeHealth;
use crate::routes::machine::SystemPerformance;
use crate::routes::performance::CacheStats;
use crate::routes::status;
use crate::routes::upstream_health::UpstreamHealth;
use crate::sources::board::BoardView;
use crate::supervision::Service;
use alerting::Summary;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[get(
    "/api/health/detailed",
    DASHBOARD,
    detailed,
    Gives::Json(of::<DetailedHealth>()),
)
.about("health", "Get the health score and what it is made of")];

/// Answer of `GET /api/health/detailed`.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetailedHealth {
    /// `healthy`, `warning`, `degraded` or `critical`.
    health_status: &'static str,
    /// 0 to 100.
    health_score: u32,
    system_performance: SystemPerformance,
    alert_summary: AlertSummary,
    cache_statistics: CacheStats,
    /// Whether readings are taken and judged.
    monitoring_active: bool,
    /// Tasks and threads of the gateway that should run and do not; the alerts say why.
    not_running: Vec<String>,
    /// The board and its sensors; null when they are switched off.
    board: Option<BoardHealth>,
    /// Microcontrollers on serial lines, as configured.
    bridges: Vec<BridgeHealth>,
    /// The service behind vision, datasets and models; null without one.
    upstream: Option<UpstreamHealth>,
    /// `strict` unless somebody chose otherwise.
    access_profile: String,
    timestamp: Ts,
}

/// The board the gateway runs on.
#[derive(Serialize, ToSchema)]
struct BoardHealth {
    /// Name of the board.
    name: String,
    /// The profile it was recognised by.
    profile: String,
    /// Every sensor ever found, at most 256.
    sensors: Vec<SensorHealth>,
}

#[derive(Serialize, ToSchema)]
struct SensorHealth {
    /// Stable across restarts.
    name: String,
    /// Name for people.
    label: String,
    /// What it means to the board, for example `soc_temperature`.
    role: String,
    /// The metric that rules see it as, if any.
    metric: Option<&'static str>,
    /// `fresh`, `stale` or `absent`.
    state: &'static str,
    /// The value; the last one while stale, null while absent.
    value: Option<f64>,
    /// Unit of the value.
    unit: &'static str,
    /// Why there is no fresh value.
    reason: Option<String>,
    /// Computed by a curve rather than measured.
    estimated: bool,
}

impl BoardHealth {
    fn of(view: &BoardView) -> BoardHealth {
        let snapshot = view.snapshot();
        let sensors = snapshot.sensors().map(|view| SensorHealth {
            name: view.sensor.name.clone(),
            label: view.sensor.label.clone(),
            role: view.sensor.role.clone(),
            metric: view.sensor.metric,
            state: view.state(),
            value: view.last(),
            unit: view.sensor.quantity.unit(),
            reason: view.reason(),
            estimated: view.sensor.estimated,
        });
        BoardHealth {
            name: view.name.clone(),
            profile: view.profile.clone(),
            sensors: sensors.collect(),
        }
    }
}

/// `GET /api/health/detailed`
pub(crate) fn detailed(call: &mut Call) -> Outcome {
    let app = &call.app;
    let (performance, alerts) = (app.performance()?, app.alerts()?);
    let key = format_args!("health/detailed/{}", alerts.version());
    Ok(app.responses.answer(key, GAUGES_TTL, || {
        let (system, summary) = (performance.system(), alerts.summary());
        let health_score = score(&system, &summary);
        let system_performance = SystemPerformance::of(&system, app.uptime_s());
        respond::render(&DetailedHealth {
            health_status: detailed_status(health_score),
            health_score,
            timestamp: system_performance.timestamp,
            system_performance,
            alert_summary: AlertSummary::of(app, &summary),
            cache_statistics: CacheStats::of(app),
            monitoring_active: app.supervisor.is_up(Service::Monitoring),
            not_running: app.supervisor.down(),
            board: app.board.as_deref().map(BoardHealth::of),
            bridges: app
                .bridges
                .views()
                .into_iter()
                .map(BridgeHealth::from)
                .collect(),
            upstream: UpstreamHealth::of(&app.upstream),
            access_profile: format!("{:?}", call.config.access.profile).to_lowercase(),
        })
    }))
}

/// Contract 7: 100 less what is wrong. What is unknown takes nothing away.
pub(crate) fn score(system: &SystemSnapshot, alerts: &Summary) -> u32 {
    let loads = [
        (system.cpu_pct(), 80.0, 20),
        (system.memory_pct(), 80.0, 20),
        (system.disk_pct(), 90.0, 30),
    ];
    let load: u32 = loads
        .iter()
        .filter(|(value, limit, _)| value.is_some_and(|value| value > *limit))
        .map(|(_, _, deduction)| deduction)
        .sum();
    let critical = (alerts.critical_24h.min(3) * 10) as u32;
    let unresolved = (alerts.unresolved.min(10) * 2) as u32;
    100_u32.saturating_sub(load + critical + unresolved)
}

fn detailed_status(score: u32) -> &'static str {
    match score {
        80.. => status::HEALTHY,
        60..=79 => status::WARNING,
        40..=59 => status::DEGRADED,
        _ => status::CRITICAL,
    }
}

/// The coarser status of contract 2.8.
pub(crate) fn system_status(score: u32) -> &'static str {
    match score {
        80.. => status::HEALTHY,
        40..=79 => status::DEGRADED,
        _ => status::CRITICAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::{FileSystem, Memory, Processor};

    fn with(cpu_pct: f64, memory_pct: f64, disk_pct: f64) -> SystemSnapshot {
        let mut system = SystemSnapshot::default();
        system.host.processor = Some(Processor {
            usage_pct: cpu_pct,
            per_core_pct: Vec::new(),
            cores: 1,
        });
        let available_bytes = |used_pct: f64| ((100.0 - used_pct) * 10.0).round() as u64;
        system.host.memory = Some(Memory {
            total_bytes: 1000,
            available_bytes: available_bytes(memory_pct),
        });
        system.host.file_system = Some(FileSystem {
            total_bytes: 1000,
            available_bytes: available_bytes(disk_pct),
        });
        system
    }

    #[test]
    fn the_score_follows_the_documented_deductions() {
        let calm = Summary::default();
        assert_eq!(score(&with(80.0, 80.0, 90.0), &calm), 100);
        assert_eq!(score(&with(80.1, 80.1, 90.1), &calm), 30);
        assert_eq!(score(&SystemSnapshot::default(), &calm), 100);
        let stormy = Summary {
            critical_24h: 50,
            unresolved: 50,
            ..Summary::default()
        };
        assert_eq!(score(&with(0.0, 0.0, 0.0), &stormy), 50);
        assert_eq!(score(&with(99.0, 99.0, 99.0), &stormy), 0);
        let some = Summary {
            critical_24h: 1,
            unresolved: 3,
            ..Summary::default()
        };
        assert_eq!(score(&with(0.0, 0.0, 0.0), &some), 84);
    }

    #[test]
    fn scores_have_their_words() {
        for (score, detailed, coarse) in [
            (100, "healthy", "healthy"),
            (80, "healthy", "healthy"),
            (79, "warning", "degraded"),
            (59, "degraded", "degraded"),
            (40, "degraded", "degraded"),
            (39, "critical", "critical"),
        ] {
            assert_eq!(
                (detailed_status(score), system_status(score)),
                (detailed, coarse),
                "{score}"
            );
        }
    }
}
