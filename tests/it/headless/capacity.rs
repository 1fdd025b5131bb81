//! The capacity search on the embedded cluster, whose capacity is known by construction: concurrency ÷ delay.

use crate::support::program::Workplace;
use crate::support::turn;

/// 100 requests at a time, 800 ms each: 125 per second. A long delay, so that the milliseconds that a busy machine adds
/// to each request are a small part of it.
const ARGS: [&str; 17] = [
    "capacity",
    "demo",
    "--per-instance",
    "--format",
    "json",
    "--max-concurrency",
    "100",
    "--delay",
    "800ms",
    "--slo",
    "p99=3s",
    "--rate",
    "100",
    "--hold",
    "2s",
    "--settle",
    "1s",
];

const BY_CONSTRUCTION: f64 = 125.0;

#[test]
fn the_capacity_of_an_instance_is_found_within_three_percent_every_time() {
    let _turn = turn();
    // At the same time, since most of it is waiting.
    let runs: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(|| {
                let ended = Workplace::new().run_valid(&ARGS);
                ended.assert_code(0);
                serde_json::from_str::<serde_json::Value>(&ended.stdout).unwrap()
            })
        })
        .collect();
    for run in runs {
        let found = run.join().unwrap();
        let capacity = &found["capacity"];
        let holds = capacity["holds"].as_f64().unwrap();
        let off = (holds - BY_CONSTRUCTION).abs() / BY_CONSTRUCTION;
        println!("{}: off by {:.1} %", found["sentence"], off * 100.0);
        assert!(off <= 0.03, "{found:#}");
        assert_eq!(capacity["instances"], 1, "{found:#}");
        assert_eq!(capacity["end"], "bracketed", "{found:#}");
        assert!(capacity["probes"].as_array().unwrap().len() >= 6, "the evidence: {found:#}");
    }
}
