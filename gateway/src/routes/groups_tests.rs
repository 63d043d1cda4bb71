//! What becomes of a group when one of it refuses after all were asked.

use std::fmt;
use std::sync::{Arc, Mutex};

use readings::command::{BootId, CommandIds};
use readings::measured::{Measured, Page};
use tokio::sync::oneshot;

use super::*;
use crate::sources::vehicles::{
    Aim, ConnectError, Controls, DroneView, LinkState, OwnWish, TakeoffCheck, UnknownDrone,
    VehicleKind,
};

/// A drone that says yes when it is asked, and perhaps no when it is told.
struct Turncoat {
    view: DroneView,
    refuses: bool,
    told: Arc<Mutex<Vec<String>>>,
}

impl Measured for Turncoat {
    fn measure(&self, _: &mut Page<'_>) -> fmt::Result {
        Ok(())
    }
}

impl VehicleKind for Turncoat {
    fn views(&self) -> Vec<DroneView> {
        vec![self.view.clone()]
    }

    fn view(&self, id: &str) -> Option<DroneView> {
        (*self.view.id == *id).then(|| self.view.clone())
    }

    fn connect<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), ConnectError>> {
        Box::pin(async move { Err(ConnectError::Already(id.to_owned())) })
    }

    fn disconnect(&self, _: &str) -> Result<(), UnknownDrone> {
        Ok(())
    }

    fn command<'a>(
        &'a self,
        drone: &'a str,
        command: Command,
        _: &'a Operator,
    ) -> BoxFuture<'a, Result<Pending, CommandError>> {
        let id = CommandIds::new(BootId(1)).next();
        let told = format!("{drone} {command}");
        self.told.lock().expect("nobody panicked").push(told);
        let taken = match self.refuses {
            true => Err(CommandError::Refused {
                id,
                why: Refusal::Full,
            }),
            false => Ok(Pending::new(id, oneshot::channel().1)),
        };
        Box::pin(async move { taken })
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

    fn aim<'a>(
        &'a self,
        id: &'a str,
        _: Aim,
        by: &'a Operator,
    ) -> BoxFuture<'a, Result<Pending, CommandError>> {
        self.command(id, Command::Stop, by)
    }

    fn act<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        _: OwnWish,
    ) -> BoxFuture<'a, Result<Pending, CommandError>> {
        Box::pin(async move { self.command(id, command, &Operator::gateway()).await })
    }

    fn sticks(&self, _: &str, _: [i8; 4], _: &Operator) -> Option<Option<Refusal>> {
        None
    }

    fn takeoff_checks(&self, _: &str) -> Option<Vec<TakeoffCheck>> {
        None
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What three drones are told by a command that the second one refuses, or nobody.
async fn told(command: Command, one_refuses: bool) -> (Vec<bool>, Vec<String>) {
    let told = Arc::<Mutex<Vec<String>>>::default();
    let drones = ["a", "b", "c"].map(str::to_owned);
    let kinds = drones.iter().map(|id| {
        let kind = Turncoat {
            view: DroneView::unheard(id, LinkState::Connected),
            refuses: one_refuses && id == "b",
            told: told.clone(),
        };
        Arc::new(kind) as Arc<dyn VehicleKind>
    });
    let vehicles = Vehicles::new(kinds.collect(), Controls::default());
    let given = give(&vehicles, &drones, command, &Operator::gateway()).await;
    let told = told.lock().expect("nobody panicked").clone();
    (given.iter().map(Result::is_ok).collect(), told)
}

#[tokio::test]
async fn one_that_refuses_after_all_was_asked_takes_the_command_back_from_the_others() {
    let (taken, said) = told(Command::Takeoff, true).await;
    assert_eq!(taken, [true, false, true]);
    assert_eq!(
        said,
        ["a takeoff", "b takeoff", "c takeoff", "a land", "c land"]
    );
    let turn = Command::Rotate {
        clockwise: true,
        angle_deg: 90,
    };
    let (_, said) = told(turn, true).await;
    assert_eq!(
        said[3..],
        ["a stop", "c stop"],
        "in the air they stop where they are"
    );
    let (taken, said) = told(turn, false).await;
    assert_eq!((taken, said.len()), (vec![true; 3], 3));
}
