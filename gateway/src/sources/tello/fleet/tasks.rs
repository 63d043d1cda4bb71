//! The tasks that the fleet starts: one a port, one a drone, one for the ways to them, and
//! the search.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::link::LinkTask;
use super::super::plan::FleetPlan;
use super::super::port::{Kind, Port, Sockets};
use super::super::roster::Roster;
use super::{FleetOptions, FleetParts};
use crate::sources::sink::ReadingSink;
use crate::supervision::Service;

impl FleetParts {
    pub(super) fn spawn(
        &mut self,
        plan: &FleetPlan,
        sockets: Sockets,
        video: Option<Sockets>,
        sink: Arc<dyn ReadingSink>,
        options: &FleetOptions,
    ) {
        self.listen(Kind::State, sockets, &sink, options);
        if let Some(video) = video {
            self.listen(Kind::Video, video, &sink, options);
        }
        for index in 0..self.roster.slots.len() {
            let (roster, sink, cancel) = (self.roster.clone(), sink.clone(), self.cancel.clone());
            let (lost_after, events) = (plan.lost_after, self.events.clone());
            let (controls, serials) = (self.controls.clone(), self.serials.clone());
            let hold = options.takeoff_hold.clone();
            let link = move || {
                let flying = (
                    controls.clone(),
                    events.clone(),
                    serials.clone(),
                    hold.clone(),
                );
                let (sink, cancel) = (sink.clone(), cancel.clone());
                LinkTask::new(roster.clone(), index, lost_after, flying, sink, cancel).run()
            };
            let name = ("drone link", Some(Service::Drones));
            options.spawn(&self.tasks, name, link);
        }
        let (roster, cancel) = (self.roster.clone(), self.cancel.clone());
        let ways = move || look_for_ways(roster.clone(), cancel.clone());
        options.spawn(&self.tasks, ("drone ways", Some(Service::Drones)), ways);
        let (discovery, cancel) = (self.discovery.clone(), self.cancel.clone());
        let search = move || discovery.clone().search_by_itself(cancel.clone());
        // (Flying does without it.)
        options.spawn(&self.tasks, ("drone search", None), search);
        let (discovery, cancel) = (self.discovery.clone(), self.cancel.clone());
        let strangers = move || discovery.clone().know_strangers(cancel.clone());
        options.spawn(&self.tasks, ("drone strangers", None), strangers);
        self.tasks.close();
    }

    fn listen(
        &self,
        kind: Kind,
        sockets: Sockets,
        sink: &Arc<dyn ReadingSink>,
        options: &FleetOptions,
    ) {
        let (local, shared) = (sockets.local, sockets.shared);
        for (index, opened) in sockets.opened.into_iter().enumerate() {
            let port = Arc::new(Port {
                roster: self.roster.clone(),
                kind,
                index,
                local,
                shared,
                sink: sink.clone(),
                holder: options.port_holder,
                cancel: self.cancel.clone(),
            });
            let first = Mutex::new(Some(opened));
            let runtime = options.runtime_of(kind);
            options.spawn_on(&runtime, &self.tasks, kind.task(), move || {
                let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
                port.clone().run(first)
            });
        }
    }
}

/// How often it is looked which interface leads to each drone.
const WAYS_EVERY: Duration = Duration::from_secs(1);

/// Looks for the ways to the drones until cancelled.
async fn look_for_ways(roster: Arc<Roster>, cancel: CancellationToken) {
    let mut looks = tokio::time::interval(WAYS_EVERY);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = looks.tick() => roster.look_for_ways(),
        }
    }
}
