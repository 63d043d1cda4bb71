//! Request statistics and the background sampling of the machine.
//!
//! Sampling happens in its own thread; a request only ever reads the newest
//! snapshot. This room must never block a request to sample.
//!
//! | file | what |
//! |---|---|
//! | `statistics` | what is told of requests |
//! | `requests` | statistics of a route: counts since start, quantiles of recent calls |
//! | `calls` | the newest calls, one by one |
//! | `host` | the host's figures, by sysinfo |
//! | `snapshot`, `sampler` | the machine at one instant; the thread that keeps the newest |

mod calls;
mod host;
mod measured;
mod requests;
mod sampler;
mod snapshot;
mod statistics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use readings::clock::Mono;

use calls::Calls;
use requests::{RouteRecorder, Tally};

#[cfg(test)]
pub(crate) use host::{DiskTraffic, FileSystem, Memory, Network, Processor, Swap};
pub use host::{Host, HostSnapshot};
pub use sampler::{Sampler, spawn_sampler};
pub use snapshot::SystemSnapshot;
pub use statistics::{CallSample, RequestCounts, RouteId, RouteStats};

/// Statistics and the newest snapshot; shared by reference.
pub struct Performance {
    templates: Vec<&'static str>,
    routes: Box<[RouteRecorder]>,
    calls: Mutex<Calls>,
    system: ArcSwap<SystemSnapshot>,
    /// Bits of the temperature; those of a NaN while it is unknown.
    board_temperature: AtomicU64,
}

impl Performance {
    /// Statistics for the given route templates, in order of their [`RouteId`].
    #[must_use]
    pub fn new(routes: Vec<&'static str>) -> Performance {
        Performance {
            routes: routes.iter().map(|_| RouteRecorder::default()).collect(),
            templates: routes,
            calls: Mutex::new(Calls::new()),
            system: ArcSwap::default(),
            board_temperature: AtomicU64::new(f64::NAN.to_bits()),
        }
    }

    /// Records one answered request. An unknown route is not recorded.
    pub fn record(
        &self,
        route: RouteId,
        status: u16,
        elapsed: Duration,
        now: Mono,
        wall: Timestamp,
    ) {
        let Some(recorder) = self.routes.get(usize::from(route.0)) else {
            return;
        };
        let success = status < 400;
        recorder.record(success, elapsed, now);
        let sample = CallSample {
            route,
            at: wall,
            duration_s: elapsed.as_secs_f32(),
            success,
        };
        self.calls().push(&sample, now);
    }

    /// Statistics of every route that was called.
    #[must_use]
    pub fn routes(&self) -> Vec<(&'static str, RouteStats)> {
        let stats = self.templates.iter().zip(&self.routes);
        stats
            .filter_map(|(template, route)| Some((*template, recent([route])?)))
            .collect()
    }

    /// Statistics of one route template; none when unknown or never called.
    #[must_use]
    pub fn route(&self, template: &str) -> Option<RouteStats> {
        let index = self.templates.iter().position(|known| *known == template)?;
        recent(self.routes.get(index))
    }

    /// Statistics over all routes.
    #[must_use]
    pub fn total(&self) -> RouteStats {
        recent(&self.routes).unwrap_or_default()
    }

    /// Requests of one route since start.
    #[must_use]
    pub fn counts(&self, route: RouteId) -> RequestCounts {
        count(self.routes.get(usize::from(route.0)))
    }

    /// Requests since start.
    #[must_use]
    pub fn total_counts(&self) -> RequestCounts {
        count(&self.routes)
    }

    /// Recent call samples (bounded), oldest first.
    #[must_use]
    pub fn samples(&self) -> Vec<CallSample> {
        self.calls().samples()
    }

    /// Route templates, in order of their [`RouteId`].
    pub(crate) fn templates(&self) -> &[&'static str] {
        &self.templates
    }

    /// Template of a route; `unknown` of none.
    #[must_use]
    pub fn template(&self, route: RouteId) -> &'static str {
        self.templates
            .get(usize::from(route.0))
            .copied()
            .unwrap_or("unknown")
    }

    /// Drops call records older than an hour; how many were dropped. `dry_run`
    /// only counts.
    ///
    /// A call is in the statistics of its route and, while it is among the
    /// newest, a sample too; it is counted once, by whichever held more.
    pub fn optimise(&self, now: Mono, dry_run: bool) -> usize {
        let in_routes: u64 = self
            .routes
            .iter()
            .map(|route| route.forget(now, dry_run))
            .sum();
        self.calls().forget(now, dry_run).max(in_routes as usize)
    }

    /// The newest snapshot of the machine.
    #[must_use]
    pub fn system(&self) -> Arc<SystemSnapshot> {
        self.system.load_full()
    }

    /// Notes the board's temperature in °C for the snapshots to come.
    pub fn set_board_temperature(&self, celsius: Option<f64>) {
        self.board_temperature
            .store(celsius.unwrap_or(f64::NAN).to_bits(), Ordering::Relaxed);
    }

    fn board_temperature(&self) -> Option<f64> {
        Some(f64::from_bits(
            self.board_temperature.load(Ordering::Relaxed),
        ))
        .filter(|celsius| !celsius.is_nan())
    }

    fn replace_system(&self, snapshot: Arc<SystemSnapshot>) {
        self.system.store(snapshot);
    }

    /// A panic cannot leave a call half recorded: poison means nothing.
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn recent<'a>(routes: impl IntoIterator<Item = &'a RouteRecorder>) -> Option<RouteStats> {
    let mut sum = Tally::default();
    routes.into_iter().for_each(|route| route.add_to(&mut sum));
    sum.stats()
}

fn count<'a>(routes: impl IntoIterator<Item = &'a RouteRecorder>) -> RequestCounts {
    routes
        .into_iter()
        .fold(RequestCounts::default(), |sum, route| {
            let (calls, errors) = route.since_start();
            RequestCounts {
                calls: sum.calls + calls,
                errors: sum.errors + errors,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(performance: &Performance, route: u16, status: u16, ms: u64, now: Mono) {
        let wall = Timestamp::from_second(1_738_314_902).expect("in range");
        performance.record(RouteId(route), status, Duration::from_millis(ms), now, wall);
    }

    #[test]
    fn routes_are_told_apart_and_summed_up() {
        let performance = Performance::new(vec!["/", "/api/alerts", "/never"]);
        record(&performance, 0, 200, 1, Mono::ZERO);
        record(&performance, 1, 399, 2, Mono::ZERO);
        record(&performance, 1, 400, 4, Mono::ZERO);
        record(&performance, 9, 200, 8, Mono::ZERO);
        let routes = performance.routes();
        assert_eq!(
            routes
                .iter()
                .map(|(template, _)| *template)
                .collect::<Vec<_>>(),
            ["/", "/api/alerts"]
        );
        let alerts = performance.route("/api/alerts").expect("called");
        assert_eq!((alerts.calls, alerts.errors, alerts.mean_ms), (2, 1, 3.0));
        assert_eq!(performance.route("/never"), None);
        assert_eq!(performance.route("/api"), None);
        let total = performance.total();
        assert_eq!(
            (total.calls, total.errors, total.min_ms, total.max_ms),
            (3, 1, 1.0, 4.0)
        );
        assert_eq!(performance.samples().len(), 3);
        assert_eq!(performance.template(RouteId(1)), "/api/alerts");
        assert_eq!(Performance::new(vec!["/"]).total(), RouteStats::default());
    }

    #[test]
    fn optimising_drops_what_is_an_hour_old_once() {
        let performance = Performance::new(vec!["/", "/api/alerts"]);
        (0..3).for_each(|_| record(&performance, 0, 200, 1, Mono::ZERO));
        let hour = Mono::from_millis(3_600_000);
        record(&performance, 1, 500, 1, hour);
        assert_eq!(performance.optimise(hour, true), 3);
        assert_eq!(performance.optimise(hour, false), 3);
        assert_eq!(performance.optimise(hour, false), 0);
        assert_eq!(
            (performance.route("/"), performance.samples().len()),
            (None, 1)
        );
        assert_eq!(
            performance.total_counts(),
            RequestCounts {
                calls: 4,
                errors: 1
            }
        );
        assert_eq!(
            performance.counts(RouteId(0)),
            RequestCounts {
                calls: 3,
                errors: 0
            }
        );
    }
}
