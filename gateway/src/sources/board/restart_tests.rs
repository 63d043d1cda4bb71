//! What an earlier run told is waited for, and what is lost beside it is told.

use super::*;

const LEVEL: &str = "board/battery_level";

impl Bench {
    fn battery(&self, name: &str, capacity: &str) {
        let path = format!("sys/class/power_supply/{name}");
        put(self.tree.path(), &format!("{path}/type"), "Battery\n");
        put(self.tree.path(), &format!("{path}/capacity"), capacity);
    }

    fn take_out(&self, name: &str) {
        let path = self.tree.path().join("sys/class/power_supply").join(name);
        fs::remove_dir_all(path).expect("it was there");
    }

    /// The watch of a gateway that is started anew, on the same board and alerts.
    fn restart(&mut self) {
        let files = Tree::open(self.tree.path()).expect("a tree");
        let board = Board::of(files.with_handles(Handles::Pipes), None);
        let config = Config::default();
        let view = Arc::new(BoardView::new(&board, &[]));
        let pipeline = self.watch.pipeline.clone();
        explain_by(&pipeline, &view);
        let named = Named::new(config.board.lost_after_s * 1_000);
        let source = self.watch.source;
        self.watch = Watch::new(board, view, source, pipeline, named, &config);
    }

    /// An open alert about lost batteries that names `sensor`, as rounds pass.
    async fn loss_of(&mut self, sensor: &str) -> Arc<Alert> {
        let wait = async {
            loop {
                self.round();
                // New words wait by the rules' own clock.
                self.alerts.tick(Mono::now().plus(Duration::from_secs(20)));
                let all = self.alerts.list(&Filter::default());
                let names = |alert: &Arc<Alert>| {
                    &*alert.subject == LEVEL
                        && alert.acknowledged.is_none()
                        && alert.message.contains(sensor)
                };
                if let Some(found) = all.into_iter().find(names) {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), wait).await;
        found.expect("it is told")
    }
}

/// Two batteries, of which the second was taken out and told of before a restart.
async fn after_a_loss() -> (Bench, Arc<Alert>) {
    let mut bench = bench();
    bench.battery("BAT0", "90\n");
    bench.battery("BAT1", "80\n");
    bench.restart();
    bench.round();
    bench.take_out("BAT1");
    let told = bench.loss_of("BAT1").await;
    bench.restart();
    bench.round();
    (bench, told)
}

#[tokio::test]
async fn a_loss_beside_one_of_an_earlier_run_is_told_in_its_alert() {
    let (mut bench, told) = after_a_loss().await;
    bench.take_out("BAT0");
    let both = bench.loss_of("BAT0").await;
    assert!(
        both.id == told.id && both.message.contains("BAT1"),
        "{both:?}"
    );
    // One is back: what stands is of the other.
    bench.battery("BAT1", "80\n");
    bench.round();
    bench.round();
    let open = bench.alerts.find(&told.id).expect("kept");
    assert!(open.resolved.is_none(), "{open:?}");
    bench.battery("BAT0", "90\n");
    assert_eq!(&*bench.end_of(&told).await, "auto");
}

#[tokio::test]
async fn a_loss_beside_one_that_somebody_has_just_seen_is_told_anew() {
    let (mut bench, told) = after_a_loss().await;
    bench.take_out("BAT0");
    bench.round();
    let seen = bench.alerts.acknowledge(&told.id, "someone").await;
    seen.expect("kept");
    let other = bench.loss_of("BAT0").await;
    assert_ne!(other.id, told.id);
}
