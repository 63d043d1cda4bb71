//! `boards`: what was detected and why, every sensor with its value.

use std::fs::OpenOptions;
use std::path::Path;

use anyhow::Context as _;
use boards::{Board, Tree};

use super::args::{BoardsArgs, BoardsCommand};
use crate::board::metric_of;

pub(super) fn boards(args: &BoardsArgs) -> anyhow::Result<()> {
    let root = args.tree.as_deref().unwrap_or(Path::new("/"));
    if let Some(BoardsCommand::Capture { file }) = &args.command {
        return capture(root, file);
    }
    let mut board = Board::open(root, Some(&args.profiles))?;
    board.sample(0, &mut |_, _| {});
    let mut report = board.report(0);
    for sensor in &mut report.sensors {
        sensor.rule = metric_of(sensor.role).map(|(metric, _)| metric.name().to_owned());
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

fn capture(root: &Path, file: &Path) -> anyhow::Result<()> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    let summary = boards::capture(&Tree::open(root)?, &mut out)?;
    println!("{}: {summary:?}", file.display());
    println!("Serial numbers, addresses and names are removed; look through it before you send it.");
    Ok(())
}
