//! Writes a made-up session of any length, to measure what a long one costs:
//!
//! ```console
//! $ cargo run --release --no-default-features --example synthetic -- --hours 24 /tmp/day
//! $ /usr/bin/time -v scaletop report /tmp/day
//! ```
//!
//! Five instances, 600 requests a second most of the time, spikes and ramps in between.

mod world;

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use scaletop::RecordingWriter;
use world::{Network, SPIKES, World, header};

/// Writes a made-up session.
#[derive(Debug, Parser)]
struct Args {
    /// How long it lasts
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Spread latencies as across the internet
    #[arg(long)]
    far: bool,
    /// Add marks, notices and facts that try to do harm in a terminal, a spreadsheet or a browser
    #[arg(long)]
    hostile: bool,
    /// The same seed makes the same session
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder it goes to; made when it is not there
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.out)?;
    let mut writer = RecordingWriter::create(&args.out, &header(args.seed))?;
    let network = if args.far { Network::Far } else { Network::Near };
    let mut world = World::new(args.seed, network, &SPIKES);
    let hostile = if args.hostile { world::hostile() } else { Vec::new() };
    for event in World::beginning().iter().chain(&hostile) {
        writer.append(event)?;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hours of a session; `as` saturates")]
    let seconds = (args.hours * 3_600.0) as u32;
    for _ in 0..seconds {
        for event in world.second() {
            writer.append(&event)?;
        }
    }
    for event in world.end() {
        writer.append(&event)?;
    }
    writer.flush()?;
    Ok(())
}
