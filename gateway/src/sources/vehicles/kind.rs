//! The seam between kinds of vehicles and everything that shows or commands drones.
//!
//! Routes and live sockets ask [`Vehicles`], which asks every kind: a further one
//! needs no change there. Ids differ across kinds, because every drone registers its
//! id as a source.

use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use readings::clock::Mono;
use readings::measured::{Measured, Page};
use tello::command::Command;

use super::{
    Aim, CommandError, ConnectError, Controls, DroneView, LinkState, Operator, OwnWish, Pending,
    Refusal, TakeoffCheck, UnknownDrone,
};

/// The drones of one kind, and their counters ([`Measured`]).
pub trait VehicleKind: Measured + Send + Sync + 'static {
    /// Every drone, in order of configuration. Never waits.
    fn views(&self) -> Vec<DroneView>;

    /// The drone of that id. Never waits.
    fn view(&self, id: &str) -> Option<DroneView>;

    /// Wants the drone connected, and waits until it is heard.
    fn connect<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), ConnectError>>;

    /// Expects nothing of the drone any more.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    fn disconnect(&self, id: &str) -> Result<(), UnknownDrone>;

    /// Gives a drone a command, in the name of `by`; returns once it is taken.
    fn command<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        by: &'a Operator,
    ) -> BoxFuture<'a, Result<Pending, CommandError>>;

    /// Whether a drone would take the command from `by` now, by the judgement of
    /// [`VehicleKind::command`], if not for `why`; nothing is sent.
    fn judge<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        by: &'a Operator,
        why: Option<Refusal>,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// Sends a drone to `aim`, in the name of `by`; returns once that is taken.
    fn aim<'a>(
        &'a self,
        id: &'a str,
        aim: Aim,
        by: &'a Operator,
    ) -> BoxFuture<'a, Result<Pending, CommandError>>;

    /// Gives the drone a command that the gateway gives by itself: told as such, and it
    /// makes nobody the operator. Returns once it is taken.
    fn act<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        own: OwnWish,
    ) -> BoxFuture<'a, Result<Pending, CommandError>>;

    /// Holds the sticks of the drone of that id (roll, pitch, throttle, yaw, each −100 to
    /// 100) for a moment, in the name of `by`; why frames before were not taken, once. None:
    /// there is no such drone here. Never waits.
    fn sticks(&self, id: &str, axes: [i8; 4], by: &Operator) -> Option<Option<Refusal>>;

    /// What a take-off of the drone of that id depends on, as it is now. Never waits.
    fn takeoff_checks(&self, id: &str) -> Option<Vec<TakeoffCheck>>;

    /// Ends every task of the kind; what it held is free when this returns.
    fn stop(&self) -> BoxFuture<'_, ()>;
}

/// The drones of every kind; clones share them.
#[derive(Clone, Default)]
pub struct Vehicles {
    kinds: Arc<[Arc<dyn VehicleKind>]>,
    controls: Controls,
}

impl Vehicles {
    /// Those of `kinds`, in that order. Who is there, and who flies what, is said to
    /// `controls`, which the kinds share.
    #[must_use]
    pub fn new(kinds: Vec<Arc<dyn VehicleKind>>, controls: Controls) -> Vehicles {
        Vehicles {
            kinds: kinds.into(),
            controls,
        }
    }

    /// Every drone, in order of kinds and configuration.
    #[must_use]
    pub fn views(&self) -> Vec<DroneView> {
        let views = self.kinds.iter().flat_map(|kind| kind.views());
        views.map(|view| self.with_control(view)).collect()
    }

    /// The drone of that id.
    #[must_use]
    pub fn view(&self, id: &str) -> Option<DroneView> {
        let view = self.kinds.iter().find_map(|kind| kind.view(id));
        view.map(|view| self.with_control(view))
    }

    /// How many drones are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        let views = self.views();
        let connected = views.iter().filter(|v| v.link == LinkState::Connected);
        connected.count()
    }

    /// Wants a drone connected, and waits until it is heard.
    ///
    /// # Errors
    /// [`ConnectError`]; a drone that was not wanted before is not afterwards.
    pub async fn connect(&self, id: &str) -> Result<(), ConnectError> {
        self.kind_of(id)?.connect(id).await
    }

    /// Expects nothing of a drone any more.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub fn disconnect(&self, id: &str) -> Result<(), UnknownDrone> {
        self.kind_of(id)?.disconnect(id)
    }

    /// Gives a drone a command, in the name of `by`. Returns once it is taken; what
    /// comes of it is told by what is returned.
    ///
    /// # Errors
    /// [`CommandError`], before anything was sent.
    pub async fn command(
        &self,
        id: &str,
        command: Command,
        by: &Operator,
    ) -> Result<Pending, CommandError> {
        self.kind_of(id)?.command(id, command, by).await
    }

    /// Sends a drone to `aim`: what leads there is worked out when its turn comes.
    ///
    /// # Errors
    /// [`CommandError`], before anything was sent.
    pub async fn aim(&self, id: &str, aim: Aim, by: &Operator) -> Result<Pending, CommandError> {
        self.kind_of(id)?.aim(id, aim, by).await
    }

    /// Gives a drone a command that the gateway gives by itself. Returns once it is taken.
    ///
    /// # Errors
    /// [`CommandError`], before anything was sent.
    pub async fn act(
        &self,
        id: &str,
        command: Command,
        own: OwnWish,
    ) -> Result<Pending, CommandError> {
        self.kind_of(id)?.act(id, command, own).await
    }

    /// What a take-off of a drone depends on, as it is now.
    #[must_use]
    pub fn takeoff_checks(&self, id: &str) -> Option<Vec<TakeoffCheck>> {
        self.kinds.iter().find_map(|kind| kind.takeoff_checks(id))
    }

    /// Stops every kind, all at once: the stop of the gateway has one time for them.
    pub async fn stop(&self) {
        join_all(self.kinds.iter().map(|kind| kind.stop())).await;
    }

    /// Who is there, and who has control of which drone.
    #[must_use]
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    fn with_control(&self, view: DroneView) -> DroneView {
        let control = self.controls.of(&view.id, Mono::now());
        DroneView { control, ..view }
    }

    /// Whether a drone would take the command from `by` now, if not for `why`.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn judge(
        &self,
        id: &str,
        command: Command,
        by: &Operator,
        why: Option<Refusal>,
    ) -> Result<(), CommandError> {
        let kind = self.kind_of(id)?;
        kind.judge(id, command, by, why).await
    }

    /// Holds the sticks of a drone for a moment; why frames before were not taken, once.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub fn sticks(
        &self,
        id: &str,
        axes: [i8; 4],
        by: &Operator,
    ) -> Result<Option<Refusal>, UnknownDrone> {
        let mut kinds = self.kinds.iter();
        kinds
            .find_map(|kind| kind.sticks(id, axes, by))
            .ok_or_else(|| UnknownDrone(id.to_owned()))
    }

    fn kind_of(&self, id: &str) -> Result<&dyn VehicleKind, UnknownDrone> {
        let mut kinds = self.kinds.iter();
        kinds
            .find(|kind| kind.view(id).is_some())
            .map(|kind| &**kind)
            .ok_or_else(|| UnknownDrone(id.to_owned()))
    }
}

impl Measured for Vehicles {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let (there, refused) = self.controls.presences().counts(Mono::now());
        page.gauge(
            "flyers",
            "Sessions of which somebody is there",
            there as f64,
        )?;
        let help = "Sockets without a session, for want of room";
        page.counter("flyers_refused", help, refused)?;
        let help = "Times that the gateway did nothing for 2 s or longer";
        page.counter("standstills", help, self.controls.standstills().count())?;
        self.kinds.iter().try_for_each(|kind| kind.measure(page))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use readings::command::{BootId, CommandIds};

    use super::*;

    /// A kind that has one drone and knows no command.
    struct One(DroneView, AtomicBool);

    impl Measured for One {
        fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
            let stopped = u64::from(self.1.load(Ordering::Relaxed));
            page.counter(&format!("stops_of_{}", self.0.id), "Stops", stopped)
        }
    }

    impl VehicleKind for One {
        fn views(&self) -> Vec<DroneView> {
            vec![self.0.clone()]
        }

        fn view(&self, id: &str) -> Option<DroneView> {
            (*self.0.id == *id).then(|| self.0.clone())
        }

        fn connect<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), ConnectError>> {
            Box::pin(async move { Err(ConnectError::Already(id.to_owned())) })
        }

        fn disconnect(&self, _id: &str) -> Result<(), UnknownDrone> {
            Ok(())
        }

        fn command<'a>(
            &'a self,
            _id: &'a str,
            _command: Command,
            _by: &'a Operator,
        ) -> BoxFuture<'a, Result<Pending, CommandError>> {
            let id = CommandIds::new(BootId(1)).next();
            let why = Refusal::NotConnected;
            Box::pin(async move { Err(CommandError::Refused { id, why }) })
        }

        fn aim<'a>(
            &'a self,
            id: &'a str,
            _aim: Aim,
            by: &'a Operator,
        ) -> BoxFuture<'a, Result<Pending, CommandError>> {
            self.command(id, Command::Stop, by)
        }

        fn act<'a>(
            &'a self,
            id: &'a str,
            command: Command,
            _own: OwnWish,
        ) -> BoxFuture<'a, Result<Pending, CommandError>> {
            Box::pin(async move { self.command(id, command, &Operator::gateway()).await })
        }

        fn judge<'a>(
            &'a self,
            _: &'a str,
            _: Command,
            _: &'a Operator,
            _: Option<Refusal>,
        ) -> BoxFuture<'a, Result<(), CommandError>> {
            Box::pin(async { Ok(()) })
        }

        fn sticks(&self, _: &str, _: [i8; 4], _: &Operator) -> Option<Option<Refusal>> {
            None
        }

        fn takeoff_checks(&self, _id: &str) -> Option<Vec<TakeoffCheck>> {
            None
        }

        fn stop(&self) -> BoxFuture<'_, ()> {
            self.1.store(true, Ordering::Relaxed);
            Box::pin(async {})
        }
    }

    fn one(id: &str, link: LinkState) -> Arc<dyn VehicleKind> {
        let view = DroneView::unheard(id, link);
        Arc::new(One(view, AtomicBool::new(false)))
    }

    #[tokio::test]
    async fn each_drone_is_asked_of_its_own_kind() {
        let kinds = vec![
            one("a", LinkState::Connected),
            one("b", LinkState::Disconnected),
        ];
        let all = Vehicles::new(kinds, Controls::default());
        let ids: Vec<_> = all.views().iter().map(|view| view.id.to_string()).collect();
        assert_eq!((ids, all.connected()), (vec!["a".into(), "b".into()], 1));
        assert_eq!(all.view("b").expect("there").link, LinkState::Disconnected);
        assert!(matches!(all.connect("b").await, Err(ConnectError::Already(id)) if id == "b"));
        assert!(all.disconnect("a").is_ok());
        let by = Operator {
            id: "x".into(),
            name: "x".into(),
            session: None,
        };
        let refused = all.command("b", Command::Land, &by).await;
        assert!(matches!(refused, Err(CommandError::Refused { .. })));
        let unknown = all.command("c", Command::Land, &by).await;
        assert!(matches!(unknown, Err(CommandError::Unknown(_))));
        all.stop().await;
        let page = readings::measured::page(move |page| all.measure(page)).expect("a page");
        for id in ["a", "b"] {
            let told = format!("mfg_drone_stops_of_{id}_total 1");
            assert!(page.contains(&told), "{page}");
        }
    }
}
