//! What sampling costs: runs an hour of samples over a tree, for a counter of
//! instructions.
//!
//! ```sh
//! cargo build --release -p boards --example sample_cost
//! valgrind --tool=callgrind --toggle-collect='*Board::sample*' \
//!     target/release/examples/sample_cost boards/tests/trees/pi-4b.tree
//! ```
//!
//! The descriptors are kept open as on a running board; the kernel's own work
//! is not in the count (see the README for how to add it).

use std::path::Path;
use std::time::Instant;

use boards::{Board, Handles, Tree};

fn main() {
    let tree = std::env::args().nth(1).unwrap_or_else(|| "/".to_owned());
    let tree = match Tree::open(Path::new(&tree)) {
        Ok(tree) => tree.with_handles(Handles::Keep),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "an example for the command line")]
            {
                eprintln!("{error}");
            }
            std::process::exit(2);
        }
    };
    let mut board = Board::of(tree, None);
    let mut samples = 0_u64;
    let start = Instant::now();
    for second in 0..3_600 {
        board.sample(second * 1_000, &mut |_, _| samples += 1);
    }
    let took = start.elapsed();
    let counters = board.sensors().counters();
    #[expect(clippy::print_stdout, reason = "an example for the command line")]
    {
        println!(
            "{} sensors; in one hour of board time {samples} samples from {} reads, {:.1} µs a read, {:.4} % of a core",
            board.sensors().all().len(),
            counters.reads,
            took.as_secs_f64() * 1e6 / counters.reads.max(1) as f64,
            took.as_secs_f64() / 3_600.0 * 100.0,
        );
    }
}
