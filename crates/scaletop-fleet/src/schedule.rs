//! The one schedule of the fleet: which rate from when on, and who sends it.
//!
//! Each entry is a [`Piece`] and a [`Table`] of slots; a change of rate and a change of slots are alike. With uniform arrivals it
//! is known exactly how many arrivals are due in a second: those whose number the integral of the rate reaches in it. With
//! Poisson arrivals it is *as if* they were uniform: the integral, rounded down at both ends of the second, which is the mean of
//! what is drawn. What generators report differs from it as a Poisson number does from its mean, and over many seconds does not.

use std::collections::VecDeque;
use std::time::Duration;

use scaletop_load::{CREDIT_PER_ARRIVAL, Piece, RateProfile};
use scaletop_units::{ArrivalRate, Elapsed, GeneratorId};

use crate::message::{Published, PublishedEntry};
use crate::slots::Table;

/// Entries that took effect so long ago are not told any more, but for the last.
const TOLD_FOR: Duration = Duration::from_secs(5);

/// At most so many are told; each stands for itself.
const TOLD_AT_MOST: usize = 64;

/// Seconds that are not yet closed are not older than this.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// From 1.
    pub number: u64,
    /// The rate.
    pub piece: Piece,
    /// Who sends it.
    pub table: Table,
}

impl Entry {
    /// The credit earned by `at`, which is not before the piece.
    fn credit_at(&self, at: Elapsed) -> u128 {
        let Piece { profile, since, credit, .. } = self.piece;
        credit + profile.integral(at.as_nanos().saturating_sub(since.as_nanos()))
    }
}

/// The schedule, as far back as anybody may ask.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    seed: u64,
    /// By moment; never empty.
    entries: VecDeque<Entry>,
}

impl Schedule {
    /// Nobody sends anything.
    pub(crate) fn new(seed: u64) -> Self {
        let piece = Piece { at: Elapsed::ZERO, profile: RateProfile::PAUSED, since: Elapsed::ZERO, credit: 0, seed };
        Self { seed, entries: VecDeque::from([Entry { number: 0, piece, table: Table::default() }]) }
    }

    fn last(&self) -> &Entry {
        let Some(last) = self.entries.back() else { unreachable!("there is always an entry") };
        last
    }

    /// The latest entry's moment: what comes next is not before.
    pub(crate) fn settled(&self) -> Elapsed {
        self.last().piece.at
    }

    /// The latest table.
    pub(crate) fn table(&self) -> &Table {
        &self.last().table
    }

    /// The latest rate.
    pub(crate) fn profile(&self) -> RateProfile {
        self.last().piece.profile
    }

    /// From `at` on, arrivals come at `profile`; returns the moment, which is not before the latest entry's.
    pub(crate) fn set_rate(&mut self, at: Elapsed, profile: RateProfile) -> Elapsed {
        let at = at.max(self.settled());
        let (credit, table) = (self.last().credit_at(at), self.table().clone());
        self.push(Piece { at, profile, since: at, credit, seed: 0 }, table);
        at
    }

    /// From `at` on, `table` says who sends; returns the moment, as [`Schedule::set_rate`].
    pub(crate) fn set_table(&mut self, at: Elapsed, table: Table) -> Elapsed {
        let at = at.max(self.settled());
        let piece = Piece { at, ..self.last().piece };
        self.push(piece, table);
        at
    }

    fn push(&mut self, piece: Piece, table: Table) {
        let number = self.last().number + 1;
        self.entries.push_back(Entry { number, piece: Piece { seed: mix(self.seed, number), ..piece }, table });
    }

    /// Who is to send at any moment of second `second`.
    pub(crate) fn holders(&self, second: u32) -> Vec<GeneratorId> {
        let (start, end) = bounds(second);
        let mut all: Vec<GeneratorId> =
            self.spans(start, end).flat_map(|(.., entry)| entry.table.holders().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The arrivals that `self` makes due in second `second`, and those that `asked` makes due beyond it: while the load is held, above
    /// the ceiling, before a change of rate could be told. Which of them anybody has is another matter: nobody has those of a
    /// slot that is not held.
    pub(crate) fn planned(&self, asked: &Self, second: u32) -> u64 {
        let [before, by] = <[Elapsed; 2]>::from(bounds(second)).map(|at| {
            let (told, asked) = (signed(self.credit_at(at)), signed(asked.credit_at(at)));
            let one = signed(CREDIT_PER_ARRIVAL);
            // Apart, so that what is put off does not move the arrivals that are not.
            (told.div_euclid(one), (asked - told).div_euclid(one))
        });
        // A lower rate that could not be told in time makes more due than was asked for: that is due, and makes up for nothing else.
        let beyond = (by.1 - before.1).max(0);
        u64::try_from(by.0 - before.0 + beyond).unwrap_or(u64::MAX)
    }

    /// The rate just before `at`.
    pub(crate) fn rate_before(&self, at: Elapsed) -> ArrivalRate {
        let piece = self.entry_before(at).piece;
        piece.profile.rate_after(at.saturating_since(piece.since))
    }

    /// The entry that rules just before `at`.
    fn entry_before(&self, at: Elapsed) -> &Entry {
        let before = self.entries.iter().rev().find(|entry| entry.piece.at < at);
        let Some(entry) = before.or_else(|| self.entries.front()) else { unreachable!("there is always an entry") };
        entry
    }

    /// The credit earned by `at`.
    fn credit_at(&self, at: Elapsed) -> u128 {
        self.entry_before(at).credit_at(at)
    }

    /// What of `(from, to]` each entry rules.
    fn spans(&self, from: Elapsed, to: Elapsed) -> impl Iterator<Item = (Elapsed, Elapsed, &Entry)> {
        let ends = self.entries.iter().skip(1).map(|next| next.piece.at).chain([Elapsed::from_nanos(u64::MAX)]);
        let span = move |(entry, end): (_, Elapsed)| {
            let entry: &Entry = entry;
            (from.max(entry.piece.at), to.min(end), entry)
        };
        self.entries.iter().zip(ends).map(span).filter(|(from, to, _)| from < to)
    }

    /// Forgets what no open second needs.
    pub(crate) fn forget(&mut self, now: Elapsed) {
        while self.entries.get(1).is_some_and(|next| next.piece.at + KEPT_FOR < now) {
            self.entries.pop_front();
        }
    }

    /// What is told of it at `now`, with a change of slots that is not certain yet.
    pub(crate) fn publish(&self, now: Elapsed, prepared: Option<Elapsed>) -> Published {
        let mut published = Published { prepared, ..Published::default() };
        let recent = self.entries.iter().filter(|entry| entry.piece.at + TOLD_FOR > now).count().clamp(1, TOLD_AT_MOST);
        for entry in self.entries.range(self.entries.len() - recent..) {
            if published.tables.last() != Some(&entry.table) {
                published.tables.push(entry.table.clone());
            }
            let table = u32::try_from(published.tables.len() - 1).unwrap_or(0);
            published.entries.push(PublishedEntry { number: entry.number, piece: entry.piece, table });
        }
        published
    }
}

fn signed(credit: u128) -> i128 {
    i128::try_from(credit).unwrap_or(i128::MAX)
}

/// An arrival is a second's when it is due after the first of these and not after the second.
fn bounds(second: u32) -> (Elapsed, Elapsed) {
    let start = Elapsed::from_secs(u64::from(second));
    let just = Duration::from_nanos(1);
    (start - just, start + Duration::from_secs(1) - just)
}

/// Another seed for each number (the finalizer of `SplitMix64`).
const fn mix(seed: u64, number: u64) -> u64 {
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What is left of `profile`, set at `since`, at `now`. The rate that a ramp has by then is rounded down: never more than was asked
/// for.
pub(crate) fn rest_of(profile: RateProfile, since: Elapsed, now: Elapsed) -> RateProfile {
    let gone = now.saturating_since(since);
    match profile {
        RateProfile::Ramp { from, to, over } if gone < over => {
            let (gone_nanos, over_nanos) = (gone.as_nanos(), over.as_nanos());
            let sum = u128::from(from.get()) * (over_nanos - gone_nanos) + u128::from(to.get()) * gone_nanos;
            let from = ArrivalRate::new(u32::try_from(sum / over_nanos).unwrap_or(u32::MAX));
            RateProfile::Ramp { from, to, over: over.saturating_sub(gone) }
        }
        _ => RateProfile::Constant(profile.rate_after(gone)),
    }
}

/// `profile` without what is above `ceiling`; and, for a ramp that comes down to it, what follows after how long.
pub(crate) fn clip(profile: RateProfile, ceiling: ArrivalRate) -> (RateProfile, Option<(Duration, RateProfile)>) {
    if profile.first() <= ceiling && profile.last() <= ceiling {
        return (profile, None);
    }
    let RateProfile::Ramp { from, to, over } = profile else { return (RateProfile::Constant(ceiling), None) };
    if from >= ceiling && to >= ceiling {
        return (RateProfile::Constant(ceiling), None);
    }
    // When the ramp crosses the ceiling: the whole of it, times the share of the change that lies on this side.
    let (change, below) = (from.get().abs_diff(to.get()), from.get().min(to.get()).abs_diff(ceiling.get()));
    let nanos = over.as_nanos() * u128::from(below) / u128::from(change.max(1));
    let within = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    if from < to {
        return (RateProfile::Ramp { from, to: ceiling, over: within }, None);
    }
    let down = RateProfile::Ramp { from: ceiling, to, over: within };
    (RateProfile::Constant(ceiling), Some((over.saturating_sub(within), down)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scaletop_load::{Arrivals, Pacer, Share};

    use super::*;
    use crate::slots::tests::id;

    fn constant(rate: u32) -> RateProfile {
        RateProfile::Constant(ArrivalRate::new(rate))
    }

    fn ramp(from: u32, to: u32, secs: u64) -> RateProfile {
        RateProfile::Ramp { from: ArrivalRate::new(from), to: ArrivalRate::new(to), over: Duration::from_secs(secs) }
    }

    fn table(generators: usize) -> Table {
        Table::of((0..generators).map(|at| (id(at), 1)))
    }

    #[test]
    fn a_second_at_a_rate_plans_that_many_whoever_sends_them() {
        let mut schedule = Schedule::new(0);
        schedule.set_table(Elapsed::ZERO, table(3));
        schedule.set_rate(Elapsed::from_secs(1), constant(500));
        schedule.set_table(Elapsed::from_millis(2_345), table(2));
        schedule.set_rate(Elapsed::from_secs(4), RateProfile::PAUSED);
        // The arrival that is due exactly at the end of a second is the next one's.
        let planned = |second| schedule.planned(&schedule, second);
        assert_eq!([0, 1, 2, 3, 4, 5].map(planned), [0, 499, 500, 500, 1, 0]);
        assert_eq!([1, 2, 3].map(|second| schedule.holders(second).len()), [3, 3, 2]);
    }

    #[test]
    fn what_is_asked_for_is_planned_though_it_is_held_put_off_or_above_the_ceiling() {
        let ms = Elapsed::from_millis;
        let mut wish = Schedule::new(0);
        wish.set_rate(ms(1_000), constant(500));
        wish.set_rate(ms(6_000), RateProfile::PAUSED);
        let mut told = Schedule::new(0);
        // Late by 99 ms, held for a while, and then less than is asked for.
        told.set_rate(ms(1_099), constant(500));
        told.set_rate(ms(2_345), RateProfile::PAUSED);
        told.set_rate(ms(4_101), constant(500));
        told.set_rate(ms(5_003), constant(300));
        told.set_rate(ms(6_000), RateProfile::PAUSED);
        let sent: Vec<u64> = (0..8).map(|second| told.planned(&told, second)).collect();
        assert_eq!(sent, [0, 450, 173, 0, 449, 301, 0, 0], "what can be sent");
        let planned: Vec<u64> = (0..8).map(|second| told.planned(&wish, second)).collect();
        // Parts of an arrival on either side are none.
        assert!((2_499..=2_500).contains(&planned.iter().sum::<u64>()), "{planned:?}");
        assert!(planned[1..6].iter().all(|count| (499..=501).contains(count)), "{planned:?}");
        assert!(planned.iter().zip(&sent).all(|(planned, sent)| planned >= sent), "{planned:?} {sent:?}");
        let rates = [500, 1_000, 1_001, 6_000, 6_001].map(|at| wish.rate_before(ms(at)).get());
        assert_eq!(rates, [0, 0, 500, 500, 0]);
    }

    #[test]
    fn an_earlier_moment_than_the_latest_moves_there() {
        let mut schedule = Schedule::new(0);
        schedule.set_rate(Elapsed::from_secs(2), constant(5));
        assert_eq!(schedule.set_rate(Elapsed::from_secs(1), constant(9)), Elapsed::from_secs(2));
    }

    #[test]
    fn what_is_told_is_what_is_recent_and_the_latest() {
        let mut schedule = Schedule::new(0);
        schedule.set_table(Elapsed::ZERO, table(3));
        for second in 1..200_u32 {
            schedule.set_rate(Elapsed::from_secs(u64::from(second)), constant(second));
        }
        let told = schedule.publish(Elapsed::from_secs(199), None);
        assert_eq!((told.tables.len(), told.entries.len()), (1, 5));
        assert_eq!(schedule.publish(Elapsed::from_secs(999), None).entries.len(), 1);
        schedule.forget(Elapsed::from_secs(999));
        assert_eq!(schedule.profile(), constant(199));
    }

    #[test]
    fn what_is_above_the_ceiling_is_cut_off_and_nothing_else() {
        let clip = |profile| clip(profile, ArrivalRate::new(100));
        assert_eq!(clip(ramp(0, 100, 10)), (ramp(0, 100, 10), None));
        assert_eq!(clip(constant(101)), (constant(100), None));
        assert_eq!(clip(ramp(0, 200, 10)), (ramp(0, 100, 5), None));
        assert_eq!(clip(ramp(200, 0, 10)), (constant(100), Some((Duration::from_secs(5), ramp(100, 0, 5)))));
        assert_eq!(clip(ramp(300, 200, 10)), (constant(100), None));
    }

    #[test]
    fn a_ramp_goes_on_where_it_was() {
        let secs = Elapsed::from_secs;
        assert_eq!(rest_of(ramp(0, 100, 10), secs(5), secs(9)), ramp(40, 100, 6));
        assert_eq!(rest_of(ramp(0, 100, 10), secs(5), secs(15)), constant(100));
        assert_eq!(rest_of(constant(7), secs(5), secs(15)), constant(7));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Rate(RateProfile),
        Table(usize),
    }

    fn step() -> impl Strategy<Value = (u64, Step)> {
        let rate = || 0_u32..300;
        let step = prop_oneof![
            rate().prop_map(|rate| Step::Rate(constant(rate))),
            (rate(), rate(), 1_u64..4).prop_map(|(from, to, secs)| Step::Rate(ramp(from, to, secs))),
            (1_usize..6).prop_map(Step::Table),
        ];
        (1_u64..1_500_000_000, step)
    }

    proptest! {
        /// What generators with these slots send, each from the entries alone, is the planned number in every second.
        #[test]
        fn each_second_plans_what_pacers_make_due(steps in prop::collection::vec(step(), 1..10)) {
            let mut schedule = Schedule::new(7);
            schedule.set_table(Elapsed::ZERO, table(2));
            let mut at = Elapsed::ZERO;
            for (after, step) in steps {
                at = at + Duration::from_nanos(after);
                match step {
                    Step::Rate(profile) => schedule.set_rate(at, profile),
                    Step::Table(generators) => schedule.set_table(at, table(generators)),
                };
            }
            let until = at + Duration::from_secs(2);
            let mut due = vec![0_u64; usize::try_from(until.second()).unwrap() + 1];
            for generator in 0..6 {
                let mut pacer = Pacer::new(Arrivals::Uniform, 0, Share::WHOLE);
                for entry in &schedule.entries {
                    let share = entry.table.slots_of(&id(generator)).map(|slots| slots.share(0));
                    pacer.begin(entry.piece, share);
                }
                while let Some(arrival) = pacer.pop_due(until) {
                    due[usize::try_from(arrival.second()).unwrap()] += 1;
                }
            }
            for second in 0..until.second() {
                prop_assert_eq!(schedule.planned(&schedule, second), due[usize::try_from(second).unwrap()], "second {}", second);
            }
        }
    }
}
