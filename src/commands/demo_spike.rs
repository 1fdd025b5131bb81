//! The demo's own spike: with room by default, or at the edge of what its cluster holds.
//!
//! Five instances of ten requests of 80 ms hold 625 requests a second. At 600 a jitter of a few milliseconds finds them full
//! and is refused, which is the edge; 500 leave a fifth free.

use crate::cli::EdgeArgs;
use crate::commands::CommandError;
use crate::target::Target;
use scaletop_units::ArrivalRate;

const WITH_ROOM: ArrivalRate = ArrivalRate::new(500);
const AT_THE_EDGE: ArrivalRate = ArrivalRate::new(600);

/// Where the demo's spike goes.
pub(super) const fn rate(args: EdgeArgs) -> ArrivalRate {
    if args.edge { AT_THE_EDGE } else { WITH_ROOM }
}

/// Where the spike goes when the target is the demo. Another target has no edge that we know.
pub(super) fn rate_on(target: &Target, args: EdgeArgs) -> Result<Option<ArrivalRate>, CommandError> {
    match target {
        Target::Demo(_) => Ok(Some(rate(args))),
        other if args.edge => {
            Err(CommandError::Option(format!("--edge is for the target demo, not for {other}: leave it out")))
        }
        _ => Ok(None),
    }
}

/// The same for all targets of a session, which get one rate: it is the demo's, when one of them is.
pub(super) fn rate_on_all(targets: &[Target], args: EdgeArgs) -> Result<Option<ArrivalRate>, CommandError> {
    let demo = targets.iter().find(|target| matches!(target, Target::Demo(_)));
    demo.or(targets.first()).map_or(Ok(None), |target| rate_on(target, args))
}

#[cfg(test)]
mod tests {
    use scaletop_cluster::ClusterOptions;

    use super::*;

    #[test]
    fn the_demos_cluster_holds_a_fifth_more_than_its_spike_and_at_the_edge_next_to_nothing() {
        let options = ClusterOptions::default();
        let holds = options.capacity_per_instance().unwrap() * f64::from(options.max_size);
        let share = |edge| f64::from(rate(EdgeArgs { edge }).get()) / holds;
        assert!((share(false) - 0.8).abs() < 1e-9 && (share(true) - 0.96).abs() < 1e-9, "{holds}");
    }

    #[test]
    fn only_the_demo_has_an_edge() {
        let url: Target = "http://127.0.0.1:1".parse().unwrap();
        assert_eq!(rate_on(&url, EdgeArgs { edge: false }).unwrap(), None);
        let error = rate_on(&url, EdgeArgs { edge: true }).unwrap_err().to_string();
        assert!(error.contains("--edge is for the target demo, not for http://127.0.0.1:1"), "{error}");
        assert_eq!(rate_on(&Target::Demo(None), EdgeArgs { edge: true }).unwrap(), Some(ArrivalRate::new(600)));
    }
}
