//! One schedule on several machines: pieces, shares, numbers.

use super::*;

/// What happens to a schedule that several machines share.
#[derive(Clone, Debug)]
enum FleetChange {
    Rate(u32),
    Ramp(u32, u32, u64),
    /// The threads of each machine from now on; 0: it takes no part.
    Members(Vec<u32>),
}

fn fleet_changes() -> impl Strategy<Value = Vec<(u64, FleetChange)>> {
    let change = prop_oneof![
        (0_u32..3_000).prop_map(FleetChange::Rate),
        (0_u32..3_000, 0_u32..3_000, 1_u64..300).prop_map(|(from, to, over)| FleetChange::Ramp(from, to, over)),
        prop::collection::vec(0_u32..3, 1..5).prop_map(FleetChange::Members),
        prop::collection::vec(0_u32..3, 1..5).prop_map(FleetChange::Members),
    ];
    prop::collection::vec((1_u64..400, change), 1..14)
}

/// Plays `changes`, each of which is known `ahead` milliseconds before its anchor, to machines that are asked every `poll`. Returns
/// the arrivals of one process that does it all, and those of the machines.
fn play_fleet(
    arrivals: Arrivals,
    changes: Vec<(u64, FleetChange)>,
    ahead: u64,
    poll: u64,
) -> (Vec<Elapsed>, Vec<Elapsed>) {
    let mut one = Pacer::new(arrivals, 0, Share::WHOLE);
    // Up to four machines with up to two threads each, and who has which slots.
    let mut threads: Vec<Pacer> = (0..8).map(|_| Pacer::new(arrivals, 0, Share::WHOLE)).collect();
    for thread in &mut threads {
        thread.begin(piece(&one, Elapsed::ZERO, 0), None);
    }
    let (mut whole, mut dealt): (Vec<Elapsed>, Vec<Elapsed>) = Default::default();
    let mut now = Elapsed::ZERO;
    for (epoch, (gap, change)) in (1..).zip(changes.into_iter().chain([(400, FleetChange::Rate(0))])) {
        let until = now + Duration::from_millis(gap + ahead);
        while now < until {
            now = (now + Duration::from_millis(poll)).min(until);
            whole.extend(std::iter::from_fn(|| one.pop_due(now)));
            for thread in &mut threads {
                dealt.extend(std::iter::from_fn(|| thread.pop_due(now)));
            }
        }
        let at = now + Duration::from_millis(ahead);
        let mut set = |profile| {
            one.set(at, profile);
            for thread in &mut threads {
                thread.set(at, profile);
            }
        };
        match change {
            FleetChange::Rate(rate) => set(constant(rate)),
            FleetChange::Ramp(from, to, over) => set(ramp(from, to, Duration::from_millis(over))),
            FleetChange::Members(mut members) => {
                // A fleet of nobody is held at rate 0: that is the controller's.
                if members.iter().all(|&count| count == 0) {
                    members = vec![1];
                }
                let slots = |first| Slots { first, of: members.iter().sum() };
                let next = piece(&one, at, 1_000 + epoch);
                let mut first = 0;
                for machine in 0..4_usize {
                    let count = members.get(machine).copied().unwrap_or(0);
                    for index in 0..2_u32 {
                        let share = (index < count).then(|| slots(first).share(index));
                        threads[machine * 2 + index as usize].begin(next, share);
                    }
                    first += count;
                }
            }
        }
    }
    let end = now + Duration::from_secs(2);
    whole.extend(std::iter::from_fn(|| one.pop_due(end)));
    for thread in &mut threads {
        dealt.extend(std::iter::from_fn(|| thread.pop_due(end)));
    }
    dealt.sort_unstable();
    (whole, dealt)
}

/// The schedule of `one` from `at` on.
fn piece(one: &Pacer, at: Elapsed, seed: u64) -> Piece {
    let anchor = one.anchors.iter().rev().find(|anchor| anchor.at <= at).unwrap_or(&one.anchors[0]);
    Piece { at, profile: anchor.profile, since: anchor.at, credit: anchor.credit, seed }
}

proptest! {
    #[test]
    fn machines_that_come_and_go_share_the_one_schedule(
        changes in fleet_changes(), ahead in 0_u64..60, poll in 1_u64..50,
    ) {
        // Nobody takes part until somebody does; what is due then is nobody's, in the one process as well.
        let changes = [(1, FleetChange::Members(vec![1]))].into_iter().chain(changes).collect();
        let (whole, dealt) = play_fleet(Arrivals::Uniform, changes, ahead, poll);
        prop_assert_eq!(dealt, whole);
    }
}

#[test]
fn poisson_arrivals_of_machines_that_come_and_go_are_poisson() {
    let members = |round: u32| vec![1 + round % 2, (round / 2) % 3, u32::from(round.is_multiple_of(5))];
    let mut changes = vec![(1, FleetChange::Rate(1_000))];
    changes.extend((0..250).map(|round| (400, FleetChange::Members(members(round)))));
    let (_, dealt) = play_fleet(Arrivals::Poisson, changes, 0, 10);
    let gaps: Vec<f64> = dealt.windows(2).map(|pair| (pair[1].as_secs_f64() - pair[0].as_secs_f64()) * 1e3).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    // 100,000 draws of fixed seeds, in 250 pieces: standard errors of 0.3 % and 0.9 %.
    assert!(dealt.len() > 99_000 && (mean - 1.0).abs() < 0.02, "{} arrivals, mean gap {mean} ms", dealt.len());
    assert!((variance - 1.0).abs() < 0.05, "variance {variance} ms²");
}

#[test]
fn a_schedule_that_begins_in_what_was_handed_out_hands_nothing_out_twice() {
    let mut pacer = uniform();
    pacer.set(Elapsed::ZERO, constant(10));
    drain(&mut pacer, Elapsed::from_secs(1));
    let at = Elapsed::from_millis(500);
    let piece = Piece { at, profile: constant(10), since: Elapsed::ZERO, credit: 0, seed: 0 };
    pacer.begin(piece, Some(Share::WHOLE));
    assert_eq!(millis(&drain(&mut pacer, Elapsed::from_millis(1_250))), [1_100, 1_200]);
}

#[test]
fn whoever_has_no_share_of_a_schedule_takes_nothing_until_it_has_one() {
    let mut pacer = uniform();
    let from = |millis, profile| {
        let at = Elapsed::from_millis(millis);
        Piece { at, profile, since: at, credit: 0, seed: 0 }
    };
    pacer.begin(from(0, constant(10)), None);
    pacer.set(Elapsed::from_millis(300), constant(100));
    assert_eq!((pacer.next_due(), drain(&mut pacer, Elapsed::from_secs(1))), (None, vec![]));
    pacer.begin(from(1_000, constant(10)), Some(Share::new(1, 2)));
    assert_eq!(millis(&drain(&mut pacer, Elapsed::from_millis(1_500))), [1_200, 1_400]);
}

#[test]
fn arrivals_are_numbered_through_whoever_takes_them_and_whichever_piece_they_are_of() {
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let mut pacer = Pacer::new(arrivals, 7, Share::WHOLE);
        pacer.set(Elapsed::ZERO, RateProfile::Constant(ArrivalRate::new(100)));
        let piece = Piece {
            at: Elapsed::from_secs(2),
            profile: RateProfile::Constant(ArrivalRate::new(50)),
            since: Elapsed::from_secs(2),
            credit: 200 * CREDIT_PER_ARRIVAL,
            seed: 8,
        };
        pacer.begin(piece, Some(Share::WHOLE));
        let taken: Vec<Arrival> = std::iter::from_fn(|| pacer.pop_arrival(Elapsed::from_secs(4))).collect();
        assert_eq!(taken[0].number, 1);
        assert!(taken.iter().all(|arrival| arrival.number > 0));
        let of_piece: Vec<u64> =
            taken.iter().filter(|arrival| arrival.due > piece.at).map(|arrival| arrival.number).collect();
        assert_eq!(of_piece.first(), Some(&201), "{arrivals:?}: a piece goes on where the schedule is");
        assert!(of_piece.windows(2).all(|pair| pair[1] == pair[0] + 1));
        if arrivals == Arrivals::Uniform {
            assert!(taken.iter().zip(1..).all(|(arrival, number)| arrival.number == number));
        }
    }
}
