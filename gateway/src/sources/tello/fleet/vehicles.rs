//! The fleet as a kind of vehicle.

use futures_util::future::BoxFuture;
use readings::clock::Mono;
use tello::command::Command;

use super::super::commander::{StickFrame, Wished, publish_refusal};
use super::Fleet;
use crate::sources::vehicles::{
    Aim, CommandError, ConnectError, DroneView, Operator, OwnWish, Pending, Refusal, TakeoffCheck,
    TakeoffFacts, UnknownDrone, VehicleKind, takeoff_checks,
};

impl VehicleKind for Fleet {
    fn views(&self) -> Vec<DroneView> {
        self.drones()
    }

    fn view(&self, id: &str) -> Option<DroneView> {
        self.drone(id)
    }

    fn connect<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), ConnectError>> {
        Box::pin(Fleet::connect(self, id))
    }

    fn disconnect(&self, id: &str) -> Result<(), UnknownDrone> {
        Fleet::disconnect(self, id)
    }

    fn command<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        by: &'a Operator,
    ) -> BoxFuture<'a, Result<Pending, CommandError>> {
        Box::pin(Fleet::command(self, id, command, by))
    }

    fn judge<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        by: &'a Operator,
        why: Option<Refusal>,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            if let Some(why) = why {
                let slot = self.slot(id).ok_or_else(|| UnknownDrone(id.to_owned()))?;
                let wish = (Wished::Command(command), by);
                let id = publish_refusal(&self.inner.events, &slot.plan.id, wish, &why);
                return Err(CommandError::Refused { id, why });
            }
            self.give(id, Wished::Judged(command), by, None)
                .await
                .map(drop)
        })
    }

    fn aim<'a>(
        &'a self,
        id: &'a str,
        aim: Aim,
        by: &'a Operator,
    ) -> BoxFuture<'a, Result<Pending, CommandError>> {
        Box::pin(self.give(id, Wished::Aim(aim), by, None))
    }

    fn act<'a>(
        &'a self,
        id: &'a str,
        command: Command,
        own: OwnWish,
    ) -> BoxFuture<'a, Result<Pending, CommandError>> {
        Box::pin(async move {
            self.give(
                id,
                Wished::Command(command),
                &Operator::gateway(),
                Some(own),
            )
            .await
        })
    }

    fn sticks(&self, id: &str, axes: [i8; 4], by: &Operator) -> Option<Option<Refusal>> {
        let slot = self.slot(id)?;
        Some(slot.sticks.put(StickFrame {
            axes,
            by: by.clone(),
            at: Mono::now(),
        }))
    }

    fn takeoff_checks(&self, id: &str) -> Option<Vec<TakeoffCheck>> {
        let slot = self.slot(id)?;
        let view = self.inner.roster.view(slot);
        let checks = takeoff_checks(&TakeoffFacts {
            link: view.link,
            reason: view.reason.as_deref(),
            mistaken: view.identity.mistaken.clone(),
            may_fly: view.airborne,
            upside_down: slot.live().motion().is_upside_down(),
            battery_pct: view.battery_pct,
            least_pct: slot.plan.policy.takeoff_battery_pct,
            held: self.inner.takeoff_hold.why_not(id),
        });
        Some(checks.into())
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(Fleet::stop(self))
    }
}
