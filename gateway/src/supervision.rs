//! Long tasks and threads, watched: one that ends before the gateway stops is reported.
//!
//! Everything that runs as long as the gateway does is started through here. When it
//! panics or returns, the log, `/metrics`, health and an alert say so; a task whose
//! state allows it is begun again with a growing pause. Which services are up is
//! what this table knows, and nothing else: there is no flag to set.
//!
//! A table of the tasks that the start begins; it does not grow with traffic.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use readings::measured::{Measured, Page};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use alerting::{AlertType, Alerts, Condition, Level};

/// First and longest pause before a task is begun again.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A task that ran this long is well again: its alert ends and its pause is the first one.
const WELL_AFTER: Duration = Duration::from_secs(60);
/// Key of the condition; its subject is the task.
const KEY: &str = "task_ended";

/// A part of the gateway that answers of the API speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The fleet.
    Drones,
    /// Rules and the book of alerts.
    Alerts,
    /// Statistics and the snapshot of the machine.
    Performance,
    /// The sampling that feeds rules and histories.
    Monitoring,
}

impl Service {
    /// Every one.
    pub const ALL: [Service; 4] = [
        Service::Drones,
        Service::Alerts,
        Service::Performance,
        Service::Monitoring,
    ];

    /// Its name at `/metrics`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Service::Drones => "drones",
            Service::Alerts => "alerts",
            Service::Performance => "performance",
            Service::Monitoring => "monitoring",
        }
    }
}

/// The table of tasks; clones share it.
#[derive(Clone)]
pub struct Supervisor(Arc<TaskTable>);

struct TaskTable {
    tasks: Mutex<Vec<Task>>,
    alerts: Alerts,
    stop: CancellationToken,
    /// Names of tasks that a test ends.
    #[cfg(test)]
    killed: tokio::sync::broadcast::Sender<&'static str>,
}

struct Task {
    name: Arc<str>,
    service: Option<Service>,
    /// How many of that name run now, of how many that were started.
    running: usize,
    started: usize,
    failures: u64,
}

impl Task {
    fn is_up(&self) -> bool {
        self.running >= self.started
    }
}

impl Supervisor {
    /// A table that raises its alerts through `alerts`, until `stop`.
    #[must_use]
    pub fn new(alerts: Alerts, stop: CancellationToken) -> Supervisor {
        Supervisor(Arc::new(TaskTable {
            tasks: Mutex::default(),
            alerts,
            stop,
            #[cfg(test)]
            killed: tokio::sync::broadcast::Sender::new(8),
        }))
    }

    /// Starts a task that is begun again when it ends, with what `make` makes anew.
    pub fn keep<F>(
        &self,
        name: &'static str,
        service: Option<Service>,
        make: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(self.kept(name.into(), service, make));
    }

    /// As [`Supervisor::keep`], to be spawned by whoever owns it, under a name that the
    /// configuration gave.
    pub fn kept<F>(
        &self,
        name: Arc<str>,
        service: Option<Service>,
        make: impl Fn() -> F + Send + Sync + 'static,
    ) -> impl Future<Output = ()> + Send + 'static
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = self.enter(&name, service);
        let supervisor = self.clone();
        async move {
            let mut pause = PAUSE.0;
            loop {
                let began = Instant::now();
                // Made inside, so that a panic of `make` itself is reported as well.
                let task = async { make().await };
                let ended = supervisor.until_end(&name, task).await;
                let Some(why) = ended else { break };
                if began.elapsed() >= WELL_AFTER {
                    pause = PAUSE.0;
                }
                running.down();
                supervisor.report(&name, &why, Some(pause));
                tokio::select! {
                    () = sleep(pause) => {}
                    () = supervisor.0.stop.cancelled() => break,
                }
                pause = (pause * 2).min(PAUSE.1);
                running.up();
            }
        }
    }

    /// `task`, watched, to be spawned by whoever owns it: it cannot be begun again.
    pub fn watched(
        &self,
        name: &'static str,
        service: Option<Service>,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let running = self.enter(name, service);
        let supervisor = self.clone();
        async move {
            let ended = supervisor.outcome(name, task).await;
            drop(running);
            if let Some(why) = ended {
                supervisor.report(name, &why, None);
            }
        }
    }

    /// For a thread: it is up until this is dropped.
    #[must_use = "the thread is up as long as this is held"]
    pub fn thread(&self, name: &'static str, service: Option<Service>) -> Thread {
        Thread {
            supervisor: self.clone(),
            name,
            wanted: true,
            _running: self.enter(name, service),
        }
    }

    /// Whether every task of `service` runs, and at least one was started.
    #[must_use]
    pub fn is_up(&self, service: Service) -> bool {
        let tasks = self.tasks();
        let mut of = tasks.iter().filter(|task| task.service == Some(service));
        let any = of.clone().next().is_some();
        any && of.all(Task::is_up)
    }

    /// Names of tasks that should run and do not.
    #[must_use]
    pub fn down(&self) -> Vec<String> {
        let tasks = self.tasks();
        let down = tasks.iter().filter(|task| !task.is_up());
        down.map(|task| task.name.to_string()).collect()
    }

    fn enter(&self, name: &str, service: Option<Service>) -> Running {
        let mut tasks = self.tasks();
        let name = match tasks.iter_mut().find(|task| *task.name == *name) {
            Some(task) => {
                task.started += 1;
                task.running += 1;
                task.name.clone()
            }
            None => {
                let name: Arc<str> = name.into();
                tasks.push(Task {
                    name: name.clone(),
                    service,
                    running: 1,
                    started: 1,
                    failures: 0,
                });
                name
            }
        };
        drop(tasks);
        Running {
            supervisor: self.clone(),
            name,
            up: std::sync::atomic::AtomicBool::new(true),
        }
    }

    /// As [`Supervisor::outcome`]; the alert of an earlier end is over once the task
    /// has run for a while.
    async fn until_end(&self, name: &str, task: impl Future<Output = ()> + Send) -> Option<String> {
        let task = std::pin::pin!(self.outcome(name, task));
        let well = async {
            sleep(WELL_AFTER).await;
            self.0.alerts.clear(KEY, name);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = task => ended,
            () = well => None,
        }
    }

    /// Why `task` ended; none when the gateway stops.
    async fn outcome(&self, name: &str, task: impl Future<Output = ()> + Send) -> Option<String> {
        let task = self.until_killed(name, task);
        let ended = AssertUnwindSafe(task).catch_unwind().await;
        match ended {
            _ if self.0.stop.is_cancelled() => None,
            Ok(()) => Some("it returned".to_owned()),
            Err(panic) => Some(format!("it panicked: {}", words_of(&*panic))),
        }
    }

    #[cfg(not(test))]
    fn until_killed(
        &self,
        _name: &str,
        task: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = ()> + Send {
        task
    }

    /// `task`, until a test ends it.
    #[cfg(test)]
    async fn until_killed(&self, name: &str, task: impl Future<Output = ()> + Send) {
        let mut killed = self.0.killed.subscribe();
        let kill = async { while !killed.recv().await.is_ok_and(|killed| killed == name) {} };
        tokio::select! {
            () = task => {}
            () = kill => {}
        }
    }

    /// Ends the task of that name, as a fault would.
    #[cfg(test)]
    pub(crate) fn kill(&self, name: &'static str) {
        self.0.killed.send(name).expect("a task of that name runs");
    }

    fn report(&self, name: &str, why: &str, again: Option<Duration>) {
        if let Some(task) = self.tasks().iter_mut().find(|task| *task.name == *name) {
            task.failures += 1;
        }
        let next = match again {
            Some(pause) => format!("it is begun again in {} s", pause.as_secs()),
            None => "restart the gateway: systemctl restart mfg-drone-gateway".to_owned(),
        };
        tracing::error!(task = name, "a task ended: {why}; {next}");
        self.0.alerts.raise(Condition {
            key: KEY,
            subject: name.into(),
            level: if again.is_some() {
                Level::Error
            } else {
                Level::Critical
            },
            alert_type: AlertType::System,
            title: "Part Of The Gateway Ended",
            message: format!("the task \"{name}\" ended before the gateway did: {why}; {next}"),
            details: Some("The log has the place. The rest of the gateway goes on.".to_owned()),
        });
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<Task>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One run of a task in the table.
struct Running {
    supervisor: Supervisor,
    name: Arc<str>,
    up: std::sync::atomic::AtomicBool,
}

impl Running {
    fn down(&self) {
        self.count(false);
    }

    fn up(&self) {
        self.count(true);
    }

    fn count(&self, up: bool) {
        if self.up.swap(up, std::sync::atomic::Ordering::AcqRel) == up {
            return;
        }
        let mut tasks = self.supervisor.tasks();
        if let Some(task) = tasks.iter_mut().find(|task| task.name == self.name) {
            task.running = if up {
                task.running + 1
            } else {
                task.running - 1
            };
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.down();
    }
}

/// A watched thread: reported when it ends before the gateway stops.
pub struct Thread {
    supervisor: Supervisor,
    name: &'static str,
    /// Whether it should still run.
    wanted: bool,
    _running: Running,
}

impl Thread {
    /// The thread ends because nobody wants it any more: it is no longer expected to
    /// run, and its end is not reported.
    pub fn release(mut self) {
        self.wanted = false;
        let mut tasks = self.supervisor.tasks();
        if let Some(task) = tasks.iter_mut().find(|task| *task.name == *self.name) {
            task.started -= 1;
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.supervisor.0.stop.is_cancelled() || !self.wanted {
            return;
        }
        let why = if std::thread::panicking() {
            "it panicked"
        } else {
            "it returned"
        };
        self.supervisor.report(self.name, why, None);
    }
}

impl Measured for Supervisor {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let up = Service::ALL.map(|service| ([("service", service.name())], self.is_up(service)));
        page.gauges(
            "service_up",
            "1 while every task of the service runs",
            up.iter()
                .map(|(labels, up)| (labels.as_slice(), f64::from(u8::from(*up)))),
        )?;
        let rows: Vec<(Arc<str>, bool, u64)> = {
            let tasks = self.tasks();
            let row = |task: &Task| (task.name.clone(), task.is_up(), task.failures);
            tasks.iter().map(row).collect()
        };
        let labels = rows.iter().map(|(name, ..)| [("task", &**name)]);
        let labels: Vec<[(&str, &str); 1]> = labels.collect();
        page.gauges(
            "task_up",
            "1 while every task and thread of that name runs",
            labels
                .iter()
                .zip(&rows)
                .map(|(labels, (_, up, _))| (labels.as_slice(), f64::from(u8::from(*up)))),
        )?;
        page.counters(
            "task_failures",
            "Times a task ended before the gateway did",
            labels
                .iter()
                .zip(&rows)
                .map(|(labels, (_, _, failures))| (labels.as_slice(), *failures)),
        )
    }
}

/// The words of a panic.
fn words_of(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

#[cfg(test)]
#[path = "supervision_tests.rs"]
mod tests;
