//! The demo's own spike: with room by default, or at the edge of what its cluster holds.
//!
//! Five instances of ten requests of 80 ms hold 625 requests a second. At 600 a jitter of a few milliseconds finds them full
//! and is refused, which is the edge; 500 leave a fifth free.

use crate::cli::EdgeArgs;
use crate::target::Target;
use scaletop_units::ArrivalRate;

const WITH_ROOM: ArrivalRate = ArrivalRate::new(500);
const AT_THE_EDGE: ArrivalRate = ArrivalRate::new(600);

/// Where the demo's spike goes.
pub(super) const fn rate(args: EdgeArgs) -> ArrivalRate {
    if args.edge { AT_THE_EDGE } else { WITH_ROOM }
}

/// Where the spike goes when the target is the demo. Another target has no edge that we know.
pub(super) fn rate_on(target: &Target, args: EdgeArgs) -> Option<ArrivalRate> {
    target.is_demo().then(|| rate(args))
}

/// The same for all targets of a session, which get one rate: it is the demo's, when one of them is.
pub(super) fn rate_on_all(targets: &[Target], args: EdgeArgs) -> Option<ArrivalRate> {
    targets.iter().find_map(|target| rate_on(target, args))
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
        assert_eq!(rate_on(&url, EdgeArgs { edge: true }), None);
        assert_eq!(rate_on(&Target::Demo(None), EdgeArgs { edge: true }), Some(ArrivalRate::new(600)));
        assert_eq!(rate_on_all(&[url, Target::Demo(None)], EdgeArgs::default()), Some(ArrivalRate::new(500)));
    }
}
