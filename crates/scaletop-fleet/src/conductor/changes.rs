//! Changes of the schedule: when the load is held, who gets which slots, and which rate is told when.

use crate::roster::Generator;

use super::{
    ArrivalRate, Conductor, Elapsed, GeneratorChange, GeneratorId, HELD_BRIEFLY, Held, MARGIN, OnLoss, Prepared,
    RateProfile, Said, State, Table, clip, rest_of,
};

impl Conductor {
    /// Tells the schedule as it is now.
    pub(super) fn publish(&mut self, now: Elapsed) {
        self.number += 1;
        let schedule = self.schedule(now);
        self.said.push_back(Said::Schedule(schedule));
    }

    /// The first moment at which this controller may have anything sent: an earlier one's leases are over by then.
    pub(super) fn earliest(&self) -> Elapsed {
        if self.settings.epoch > 1 { self.started + self.settings.lease + MARGIN } else { Elapsed::ZERO }
    }

    /// Generators that have a share and are heard.
    pub(super) fn live(&self) -> usize {
        let is_live = |id: &&GeneratorId| self.roster.get(id).is_some_and(Generator::is_present);
        self.schedule.table().holders().filter(is_live).count()
    }

    /// Whether a rate is asked for, now or in a moment.
    pub(super) fn wants_load(&self, now: Elapsed) -> bool {
        let (since, profile) = self.asked;
        profile.last() != ArrivalRate::PAUSED || now < since + profile.ramp_duration()
    }

    /// The most that may be sent in all.
    pub(super) fn ceiling(&self) -> ArrivalRate {
        let each = |id: &GeneratorId| self.roster.get(id).map_or(ArrivalRate::PAUSED, |generator| generator.max_rate);
        self.schedule.table().ceiling(each).min(self.settings.max_rate)
    }

    /// Why no load may be sent now.
    pub(super) fn why_hold(&self) -> Option<String> {
        if self.is_time_up {
            return Some("the time that this run may send load for is over".to_owned());
        }
        if !self.is_connected {
            return Some("the fleet's server cannot be reached".to_owned());
        }
        let (ready, at_least) = (self.ready(), self.settings.at_least.max(1));
        let verb = |count| if count == 1 { "is" } else { "are" };
        (ready < at_least).then(|| {
            let what = if ready == 1 { "generator" } else { "generators" };
            format!("{ready} {what} {} ready, and at least {at_least} {} asked for", verb(ready), verb(at_least))
        })
    }

    /// Holds the load when it must stand still, and lets it go on when that was brief.
    pub(super) fn hold_or_go_on(&mut self, now: Elapsed) {
        self.is_time_up |= now + self.lead >= self.settings.not_after;
        match (self.why_hold(), &mut self.held) {
            (Some(why), None) => {
                let (loss, is_final) = (None, self.is_time_up);
                self.hold(now, Held { loss, why, is_over: false, since: now, is_final });
            }
            // What is told is what holds it now: that may be something else than at first.
            (Some(why), Some(held)) => {
                held.is_final |= now.saturating_since(held.since) > HELD_BRIEFLY;
                (held.why, held.is_over) = (why, false);
            }
            (None, Some(held)) if !held.is_final && now.saturating_since(held.since) <= HELD_BRIEFLY => self.go_on(now),
            (None, Some(held)) => {
                (held.is_final, held.is_over) = (true, true);
                if !self.wants_load(now) {
                    self.held = None;
                }
            }
            (None, None) => {}
        }
    }

    fn hold(&mut self, now: Elapsed, held: Held) {
        self.held = Some(held);
        if self.schedule.profile() != RateProfile::PAUSED {
            // Whoever cannot be told goes on until the end of its lease.
            let holders = self.schedule.table().holders().filter_map(|id| self.roster.get(id));
            let leases = holders.map(|generator| generator.lease_end).filter(|_| !self.is_connected);
            let at = leases.fold(now + self.lead, Elapsed::max);
            self.schedule.set_rate(at, RateProfile::PAUSED);
            self.publish(now);
        }
    }

    /// With `--on-loss stop`: the load ends until a rate is set.
    pub(super) fn lost_and_stop(&mut self, now: Elapsed, id: &GeneratorId) {
        if self.held.as_ref().is_none_or(|held| !held.is_final) {
            let loss = Some(format!("{id} was lost, and a loss stops the load"));
            self.hold(now, Held { loss, why: String::new(), is_over: true, since: now, is_final: true });
        }
    }

    fn go_on(&mut self, now: Elapsed) {
        self.held = None;
        let (since, profile) = self.asked;
        let at = now + self.lead;
        if since <= at && self.waiting.is_empty() {
            self.waiting.push((at, rest_of(profile, since, at)));
        }
    }

    /// Who should have which slots.
    fn wished(&self) -> Table {
        let present: Vec<(GeneratorId, u32)> =
            self.roster.present().map(|(id, generator)| (id.clone(), generator.threads)).collect();
        if present.is_empty() {
            return self.schedule.table().clone();
        }
        match self.settings.on_loss {
            OnLoss::Redistribute | OnLoss::Stop => Table::of(present),
            OnLoss::Shrink => {
                let has_left = |id: &GeneratorId| {
                    self.roster.get(id).is_none_or(|generator| matches!(generator.state, State::Leaving | State::Left))
                };
                self.schedule.table().without(has_left).with_holes(&present)
            }
        }
    }

    /// Those whom a change from the table in force to `to` concerns and who can say that they know of it.
    fn concerned<'a>(&'a self, to: &'a Table) -> impl Iterator<Item = &'a GeneratorId> {
        let is_alive = |id: &&GeneratorId| self.roster.get(id).is_some_and(Generator::is_alive);
        self.schedule.table().holders().chain(to.holders()).filter(is_alive)
    }

    /// When all are silent who have slots and are not heard: the end of their leases, and a margin.
    fn silent_from(&self) -> Elapsed {
        let unheard = self.schedule.table().holders().filter_map(|id| self.roster.get(id)).filter(|generator| {
            // Who was lost and comes back under the same name got no lease meanwhile.
            matches!(generator.state, State::Suspect | State::Lost | State::Returning(_))
        });
        unheard.map(|generator| generator.lease_end + MARGIN).max().unwrap_or_default()
    }

    /// Prepares the slots that should be, and makes them certain when all know of them.
    pub(super) fn plan_slots(&mut self, now: Elapsed) {
        let wished = self.wished();
        if wished == *self.schedule.table() {
            if self.prepared.take().is_some() {
                self.publish(now);
            }
            return;
        }
        let is_prepared = self.prepared.as_ref().is_some_and(|prepared| prepared.table == wished);
        if !is_prepared {
            self.prepare(now, wished);
            return;
        }
        let Some(prepared) = &self.prepared else { return };
        let knows = |id: &GeneratorId| self.roster.get(id).is_none_or(|generator| generator.known >= prepared.number);
        let is_known = self.concerned(&prepared.table).all(knows) && prepared.at >= self.silent_from();
        if is_known && now + self.lead >= prepared.at && now + self.lead / 3 <= prepared.at {
            if let Some(Prepared { at, table, .. }) = self.prepared.take() {
                self.put_table(now, at, table);
            }
        } else if now + self.lead / 3 > prepared.at {
            self.prepare(now, wished);
        }
    }

    fn prepare(&mut self, now: Elapsed, table: Table) {
        let at = (now + 2 * self.lead).max(self.silent_from()).max(self.schedule.settled());
        self.prepared = Some(Prepared { at, table, number: self.number + 1 });
        self.publish(now);
    }

    /// From `at` on, `table` is who sends.
    pub(super) fn put_table(&mut self, now: Elapsed, at: Elapsed, table: Table) {
        let before: Vec<GeneratorId> = self.schedule.table().holders().cloned().collect();
        let after: Vec<GeneratorId> = table.holders().cloned().collect();
        let at = self.schedule.set_table(at, table);
        // Fewer, or more, may now send all that is asked for.
        if self.held.is_none() && self.waiting.iter().all(|&(waits, _)| waits > at) {
            let (since, profile) = self.asked;
            let rest = rest_of(profile, since, at);
            if since <= at && (self.is_clipped || clip(rest, self.ceiling()).0 != rest) {
                self.put_rate(at, rest);
            }
        }
        self.publish(now);
        for id in before.iter().filter(|id| !after.contains(id)) {
            let Some(generator) = self.roster.get(id) else { continue };
            let is_lost = matches!(generator.state, State::Suspect | State::Lost | State::Returning(_));
            let number = self.number;
            for (other, generator) in self.roster.iter_mut() {
                if other == id {
                    generator.fenced_by = number;
                }
            }
            if is_lost && self.settings.on_loss == OnLoss::Redistribute {
                self.taken.push((at, id.clone()));
            }
        }
        for id in after.iter().filter(|id| !before.contains(id)) {
            // Who was in it under another controller has not joined it now.
            if self.there.remove(id) {
                continue;
            }
            let was_lost = self.roster.get(id).is_some_and(Generator::was_lost);
            self.tell(id, if was_lost { GeneratorChange::Returned } else { GeneratorChange::Joined }, None);
        }
    }

    /// Says whose share others have from now on: at that moment it is known to be lost, and was told so.
    pub(super) fn tell_taken_over(&mut self, now: Elapsed) {
        let taken: Vec<_> = self.taken.extract_if(.., |(at, _)| now >= *at).collect();
        for (_, id) in taken {
            self.tell(&id, GeneratorChange::TakenOver, None);
        }
    }

    /// Whoever is ready and has slots drives.
    pub(super) fn drive(&mut self, now: Elapsed) {
        if self.schedule.settled() > now + self.lead {
            return;
        }
        let holders: Vec<GeneratorId> = self.schedule.table().holders().cloned().collect();
        for (id, generator) in self.roster.iter_mut() {
            let has_slots = holders.contains(id);
            generator.state = match generator.state {
                State::Ready if has_slots => State::Driving,
                State::Driving if !has_slots => State::Ready,
                state => state,
            };
        }
    }

    /// Tells the changes of rate whose time has come.
    pub(super) fn set_rates(&mut self, now: Elapsed) {
        let ahead = now + 2 * self.lead;
        let moment = self.prepared.as_ref().map(|prepared| prepared.at);
        let may_go = |at: Elapsed| at <= ahead && moment.is_none_or(|moment| at < moment);
        let mut is_changed = false;
        while let Some(&(at, profile)) = self.waiting.first().filter(|&&(at, _)| may_go(at)) {
            self.waiting.remove(0);
            if self.held.is_none() || profile == RateProfile::PAUSED {
                is_changed |= self.put_rate(at, profile);
            }
        }
        if is_changed {
            self.publish(now);
        }
    }

    /// Puts a rate into the schedule, cut off at the ceiling; whether that changed anything. When `at` is settled already, what is left
    /// of it.
    fn put_rate(&mut self, at: Elapsed, profile: RateProfile) -> bool {
        let (asked, at) = (at, at.max(self.schedule.settled()));
        let profile = rest_of(profile, asked, at);
        let ceiling = self.ceiling();
        let (allowed, after) = clip(profile, ceiling);
        if let Some((after, rest)) = after {
            let moment = at + after;
            let place = self.waiting.partition_point(|&(waits, _)| waits <= moment);
            self.waiting.insert(place, (moment, rest));
        }
        let is_clipped = allowed != profile || after.is_some();
        if is_clipped && !self.is_clipped {
            let asked = profile.first().max(profile.last());
            let why =
                format!("{asked} is asked for, and {ceiling} is the most that these generators may send together");
            self.said.push_back(Said::Notice(why));
        }
        self.is_clipped = is_clipped;
        if allowed == self.schedule.profile() && allowed.ramp_duration().is_zero() {
            return false;
        }
        self.schedule.set_rate(at, allowed);
        true
    }
}
