//! Who sends which arrivals: a schedule is dealt out in slots, one for each thread that sends.

use scaletop_load::Slots;
use scaletop_units::{ArrivalRate, GeneratorId};
use serde::{Deserialize, Serialize};

/// The slots of a schedule: arrival *n* (from 1) belongs to slot (*n* − 1) mod *S*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    seats: Vec<Seat>,
}

/// A generator's slots, side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// Whose they are.
    pub id: GeneratorId,
    /// How many.
    pub threads: u32,
    /// Whether they are sent; nobody does while their generator is lost and nobody is to take them over.
    pub is_held: bool,
}

impl Table {
    /// The slots of these generators (with their threads), in this order.
    pub(crate) fn of(generators: impl IntoIterator<Item = (GeneratorId, u32)>) -> Self {
        let seat = |(id, threads)| Seat { id, threads, is_held: true };
        Self { seats: generators.into_iter().map(seat).collect() }
    }

    /// The same slots, where only those of `present` generators (with their threads) are sent; who has none yet, or other ones,
    /// gets them.
    pub(crate) fn with_holes(&self, present: &[(GeneratorId, u32)]) -> Self {
        let mut seats = self.seats.clone();
        for seat in &mut seats {
            seat.is_held = present.iter().any(|(id, threads)| *id == seat.id && *threads == seat.threads);
        }
        for (id, threads) in present {
            let has = |seat: &&mut Seat| seat.id == *id;
            match seats.iter_mut().find(has) {
                Some(seat) => (seat.threads, seat.is_held) = (*threads, true),
                None => seats.push(Seat { id: id.clone(), threads: *threads, is_held: true }),
            }
        }
        Self { seats }
    }

    /// The same without the slots of those that have left.
    pub(crate) fn without(&self, has_left: impl Fn(&GeneratorId) -> bool) -> Self {
        Self { seats: self.seats.iter().filter(|seat| !has_left(&seat.id)).cloned().collect() }
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> u32 {
        self.seats.iter().map(|seat| seat.threads).sum()
    }

    /// The slots of `id`, if it has any to send.
    pub(crate) fn slots_of(&self, id: &GeneratorId) -> Option<Slots> {
        let (first, _) = self.held().find(|(_, seat)| seat.id == *id)?;
        Some(Slots { first, of: self.len() })
    }

    /// The first slot of each that is to send, and whose it is.
    fn held(&self) -> impl Iterator<Item = (u32, &Seat)> {
        let mut first = 0;
        let placed = self.seats.iter().map(move |seat| {
            let at = first;
            first += seat.threads;
            (at, seat)
        });
        placed.filter(|(_, seat)| seat.is_held)
    }

    /// The generators that have something to send.
    pub(crate) fn holders(&self) -> impl Iterator<Item = &GeneratorId> {
        self.held().map(|(_, seat)| &seat.id)
    }

    /// The rate of the whole schedule at which the first of its generators comes to its own ceiling: `ceiling` of each. Slots are
    /// alike, so a generator with few requests a second for each thread bounds all.
    pub(crate) fn ceiling(&self, ceiling: impl Fn(&GeneratorId) -> ArrivalRate) -> ArrivalRate {
        let of = u64::from(self.len());
        let bound = |(_, seat): (u32, &Seat)| u64::from(ceiling(&seat.id).get()) * of / u64::from(seat.threads.max(1));
        let least = self.held().map(bound).min().unwrap_or(0);
        ArrivalRate::new(u32::try_from(least).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn id(number: usize) -> GeneratorId {
        format!("g{number}").parse().unwrap()
    }

    fn table(threads: &[u32]) -> Table {
        Table::of(threads.iter().enumerate().map(|(at, &threads)| (id(at), threads)))
    }

    #[test]
    fn slots_stand_side_by_side() {
        let table = table(&[2, 1, 3]);
        assert_eq!(table.slots_of(&id(1)), Some(Slots { first: 2, of: 6 }));
        assert_eq!(table.slots_of(&id(9)), None);
        assert_eq!(table.holders().count(), 3);
    }

    #[test]
    fn a_generator_that_nobody_stands_in_for_leaves_a_hole_and_finds_it_again() {
        let all = table(&[1, 2, 1]);
        let shrunk = all.with_holes(&[(id(0), 1), (id(2), 1)]);
        assert_eq!((shrunk.len(), shrunk.slots_of(&id(1))), (4, None));
        assert_eq!(shrunk.slots_of(&id(2)), all.slots_of(&id(2)), "the others go on as they were");
        assert_eq!(shrunk.holders().count(), 2);
        assert_eq!(shrunk.with_holes(&[(id(0), 1), (id(1), 2), (id(2), 1)]), all);
        assert_eq!(all.with_holes(&[(id(0), 1), (id(1), 2), (id(2), 1), (id(3), 2)]).len(), 6);
    }

    #[test]
    fn the_weakest_thread_bounds_the_whole() {
        let ceiling = |of: &GeneratorId| ArrivalRate::new(if *of == id(0) { 100 } else { 1_000 });
        assert_eq!(table(&[1, 1, 2]).ceiling(ceiling).get(), 400);
        assert_eq!(table(&[1]).ceiling(ceiling).get(), 100);
        assert_eq!(table(&[]).ceiling(ceiling).get(), 0);
    }

    proptest! {
        #[test]
        fn each_slot_is_one_generators_or_a_hole(
            threads in prop::collection::vec(1_u32..4, 1..5), holes in prop::collection::vec(any::<bool>(), 5)
        ) {
            let all = table(&threads);
            let present: Vec<_> =
                threads.iter().enumerate().filter(|(at, _)| holes[*at]).map(|(at, &threads)| (id(at), threads)).collect();
            let table = all.with_holes(&present);
            prop_assert_eq!(table.len(), threads.iter().sum::<u32>());
            for slot in 0..table.len() {
                let has = |of: &Table, (id, threads): &(GeneratorId, u32)| {
                    of.slots_of(id).is_some_and(|slots| (slots.first..slots.first + threads).contains(&slot))
                };
                let owners = present.iter().filter(|one| has(&table, one)).count();
                let before = present.iter().filter(|one| has(&all, one)).count();
                prop_assert!(owners <= 1 && owners == before, "slot {} has {} owners, and had {}", slot, owners, before);
            }
        }
    }
}
