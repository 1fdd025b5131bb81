//! A generator sends on a lease: as long as somebody who leads the schedule has heard of it.
//!
//! The lease counts from when the generator *sent* a beat, in the session's time as it knows it, and begins to count only when
//! the beat is answered. The controller knows that moment from the beat itself. So both know the last moment of which the
//! generator may send an arrival, whatever the network did and however far their clocks are apart.

use std::time::Duration;

use scaletop_units::Elapsed;

/// How long a generator sends without being heard.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
/// The longest lease.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);

/// So long after the end of a lost generator's lease others have its share.
pub(crate) const MARGIN: Duration = Duration::from_millis(50);

/// A late change of slots is settled in the engine by so long after it was handed over.
const SETTLING: Duration = Duration::from_millis(10);

/// A generator that was not heard for so long is suspect: two thirds of the lease.
pub(crate) fn suspect_after(lease: Duration) -> Duration {
    lease * 2 / 3
}

/// Until when a generator may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    length: Duration,
    /// Nothing is sent later, whoever asks.
    not_after: Elapsed,
    granted: Elapsed,
    /// A change of slots that is not certain yet: what is due after it may be somebody else's.
    prepared: Option<Elapsed>,
    /// The moment of a change that became certain late, and until when it still bounds the lease.
    settling: Option<(Elapsed, Elapsed)>,
}

impl Lease {
    /// A lease that nobody has granted yet.
    pub(crate) const fn new(length: Duration, not_after: Elapsed) -> Self {
        Self { length, not_after, granted: Elapsed::ZERO, prepared: None, settling: None }
    }

    /// A beat that was sent at `sent` was answered with a grant.
    pub(crate) fn grant(&mut self, sent: Elapsed) {
        self.granted = self.granted.max(sent + self.length);
    }

    /// At `now` it is heard that slots change at `prepared`, if all learn of it; `None`: nothing of the kind, or it is certain.
    pub(crate) fn prepare(&mut self, now: Elapsed, prepared: Option<Elapsed>) {
        if let Some(before) = self.prepared.filter(|&before| prepared != Some(before)) {
            // The engine takes a change and the lease from different places: what is lifted late is lifted after the change.
            self.settling = (now + SETTLING > before).then(|| (before, now + SETTLING));
        }
        self.prepared = prepared;
    }

    /// The last moment of which an arrival may be sent, at `now`.
    pub(crate) fn end(&self, now: Elapsed) -> Elapsed {
        let settling = self.settling.filter(|&(_, until)| now < until).map(|(at, _)| at);
        let bounds = [self.prepared, settling];
        bounds.into_iter().flatten().fold(self.granted.min(self.not_after), Elapsed::min)
    }

    /// When to look at [`Lease::end`] again though nothing happens.
    pub(crate) fn next_change(&self, now: Elapsed) -> Option<Elapsed> {
        self.settling.map(|(_, until)| until).filter(|&until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Elapsed {
        Elapsed::from_millis(millis)
    }

    #[test]
    fn a_lease_counts_from_when_the_answered_beat_was_sent_and_never_shrinks() {
        let mut lease = Lease::new(Duration::from_millis(1_500), Elapsed::from_secs(60));
        assert_eq!(lease.end(ms(0)), Elapsed::ZERO);
        lease.grant(ms(1_000));
        lease.grant(ms(800)); // an answer that was overtaken
        assert_eq!(lease.end(ms(1_100)), ms(2_500));
        lease.grant(ms(59_000));
        assert_eq!(lease.end(ms(59_100)), ms(60_000), "the agreed time is over");
    }

    #[test]
    fn nothing_is_sent_beyond_a_change_that_is_not_certain() {
        let mut lease = Lease::new(Duration::from_secs(1), Elapsed::from_secs(60));
        lease.grant(ms(1_000));
        lease.prepare(ms(1_000), Some(ms(1_200)));
        assert_eq!(lease.end(ms(1_100)), ms(1_200));
        lease.prepare(ms(1_100), None);
        assert_eq!(lease.end(ms(1_100)), ms(2_000), "in time: the engine has it before it matters");
        lease.prepare(ms(1_150), Some(ms(1_300)));
        lease.prepare(ms(1_400), None);
        assert_eq!(lease.end(ms(1_400)), ms(1_300), "late: the engine gets the change first");
        assert_eq!(lease.next_change(ms(1_400)), Some(ms(1_410)));
        assert_eq!(lease.end(ms(1_410)), ms(2_000));
    }
}
