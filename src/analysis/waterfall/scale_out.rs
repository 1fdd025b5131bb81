//! Which of the platform's records belong to each scale-out of a step: its alarm, its decision, its tasks. Pure.

use crate::analysis::waterfall::activity::{self, Aim};
use crate::analysis::waterfall::span::Span;
use crate::instances::InstanceObservation;
use crate::instances::milestone::{Milestone, MilestoneKind, alarm_of};
use scaletop_units::Elapsed;

/// What belongs to one scale-out of a step.
#[derive(Debug)]
pub(super) struct ScaleOut<'a> {
    /// What asked for more.
    pub(super) decision: Option<&'a Milestone>,
    /// How many more it asked for, where that is known.
    pub(super) more: Option<u32>,
    /// The alarm that led to it.
    pub(super) alarm: Option<&'a Milestone>,
    /// The task whose life is told: the first that runs, else the first that was created.
    pub(super) task: Option<&'a Milestone>,
    /// Every task that may be of it, by id.
    pub(super) tasks: Vec<&'a str>,
}

/// What the platform recorded that a step's scale-outs may be made of.
#[derive(Debug)]
struct Records<'a> {
    milestones: &'a [Milestone],
    desired: &'a [InstanceObservation],
    /// Everything that was decided, up or down, ascending.
    decisions: Vec<&'a Milestone>,
    /// What asked for more in the step, ascending.
    candidates: Vec<&'a Milestone>,
    /// What asked for more last before it.
    before: Option<&'a Milestone>,
    /// Tasks that were created in the step, ascending.
    created: Vec<&'a Milestone>,
    /// Tasks on their way when it began.
    pending: Vec<&'a Milestone>,
}

/// Everything of one kind, ascending.
fn of_kind(milestones: &[Milestone], kind: MilestoneKind) -> Vec<&Milestone> {
    let mut found: Vec<&Milestone> = milestones.iter().filter(|milestone| milestone.kind == kind).collect();
    found.sort_by_key(|milestone| milestone.as_of);
    found
}

/// When something first happened to a task.
pub(super) fn of_task<'a>(milestones: &'a [Milestone], kind: MilestoneKind, task: &str) -> Option<&'a Milestone> {
    let of_it = milestones.iter().filter(|milestone| milestone.kind == kind && milestone.subject == task);
    of_it.min_by_key(|milestone| milestone.as_of)
}

/// The first task that started, else the first that was created.
fn first_to_run<'a>(milestones: &'a [Milestone], tasks: &[&'a Milestone]) -> Option<&'a Milestone> {
    let start = |task: &&&Milestone| {
        let started = of_task(milestones, MilestoneKind::TaskStarted, &task.subject).map(|one| one.as_of);
        (started.is_none(), started)
    };
    tasks.iter().min_by_key(start).copied()
}

fn ids<'a>(tasks: &[&'a Milestone]) -> Vec<&'a str> {
    tasks.iter().map(|task| task.subject.as_str()).collect()
}

impl<'a> Records<'a> {
    fn of(milestones: &'a [Milestone], desired: &'a [InstanceObservation], span: &Span) -> Self {
        let in_step = |milestone: &&Milestone| span.contains(milestone.as_of);
        let all_created = of_kind(milestones, MilestoneKind::TaskCreated);
        let created = all_created.iter().copied().filter(in_step).collect();
        let pending = all_created.iter().copied().filter(|task| {
            let before = |kind| of_task(milestones, kind, &task.subject).is_some_and(|one| span.is_after(one.as_of));
            span.is_after(task.as_of) && !before(MilestoneKind::TaskStarted) && !before(MilestoneKind::TaskStopped)
        });
        let pending = pending.collect();
        let decisions = of_kind(milestones, MilestoneKind::Decision);
        let with_aim = |aim| {
            let is_so = |one: &&Milestone| activity::aim(one, &decisions, desired) == aim;
            decisions.iter().copied().filter(is_so).collect::<Vec<_>>()
        };
        let out = with_aim(Aim::Out);
        let before = out.iter().rfind(|one| span.is_after(one.as_of)).copied();
        let candidates: Vec<_> = out.into_iter().filter(in_step).collect();
        // Words of another form than the documented ones: the nearest guess.
        let candidates = if candidates.is_empty() {
            with_aim(Aim::Unknown).into_iter().filter(in_step).collect()
        } else {
            candidates
        };
        Self { milestones, desired, decisions, candidates, before, created, pending }
    }

    /// The decisions of the step that brought tasks of their own, or may still: each with the first of those that it overtook before
    /// a task of theirs was created. Where nothing tells of tasks, each stands for itself.
    fn counting(&self) -> Vec<(&'a Milestone, &'a Milestone)> {
        let mut counting = Vec::new();
        let mut first = None;
        for (at, &decision) in self.candidates.iter().enumerate() {
            let since = *first.get_or_insert(decision);
            let is_overtaken = self.candidates.get(at + 1).is_some_and(|next| {
                let has_own = self.created.iter().any(|task| (decision.as_of..next.as_of).contains(&task.as_of));
                !has_own && self.created.iter().any(|task| task.as_of >= next.as_of)
            });
            if !is_overtaken {
                counting.push((since, decision));
                first = None;
            }
        }
        counting
    }

    /// Tasks of the scale-out that was under way when the step began, and of which something was told in it.
    fn under_way(&self, span: &Span) -> Vec<&'a Milestone> {
        let is_of_it = |task: &&Milestone| self.before.is_some_and(|decision| task.as_of >= decision.as_of);
        let is_told = |task: &&Milestone| {
            self.milestones.iter().any(|one| one.subject == task.subject && span.contains(one.as_of))
        };
        self.pending.iter().copied().filter(is_of_it).filter(is_told).collect()
    }

    fn scale_out(
        &self,
        span: &Span,
        decision: Option<&'a Milestone>,
        more: Option<u32>,
        own: &[&'a Milestone],
        tasks: Vec<&'a str>,
    ) -> ScaleOut<'a> {
        let task = first_to_run(self.milestones, own);
        ScaleOut { decision, more, alarm: alarm(self.milestones, decision, span), task, tasks }
    }
}

impl<'a> ScaleOut<'a> {
    /// Every scale-out of a step in the order of their decisions: one for each decision for more. One without a decision where
    /// none was made in it; and before the others the one that was under way when it began.
    pub(super) fn all(milestones: &'a [Milestone], desired: &'a [InstanceObservation], span: &Span) -> Vec<Self> {
        let records = Records::of(milestones, desired, span);
        let counting = records.counting();
        let Some((_, earliest)) = counting.first() else {
            let own = if records.created.is_empty() { &records.pending } else { &records.created };
            let is_pending = first_to_run(milestones, own)
                .is_some_and(|task| records.pending.iter().any(|one| one.subject == task.subject));
            // The scale-out that was under way when the step began.
            let decision = records.before.filter(|_| is_pending);
            let more = decision.and_then(|_| u32::try_from(records.pending.len()).ok());
            let tasks = [ids(&records.created), ids(&records.pending)].concat();
            return vec![records.scale_out(span, decision, more, own, tasks)];
        };
        let mut found = Vec::new();
        let under_way = records.under_way(span);
        if !under_way.is_empty() {
            let more = u32::try_from(under_way.len()).ok();
            found.push(records.scale_out(span, records.before, more, &under_way, ids(&under_way)));
        }
        for (at, &(first, decision)) in counting.iter().enumerate() {
            let next = counting.get(at + 1).map(|(_, next)| next.as_of);
            let created = |from: Elapsed| {
                let is_of_it = |task: &&Milestone| task.as_of >= from && next.is_none_or(|next| task.as_of < next);
                records.created.iter().copied().filter(is_of_it).collect::<Vec<_>>()
            };
            // Replacements of tasks that failed are created without a decision.
            let own = created(decision.as_of);
            let is_first = std::ptr::eq(decision, *earliest);
            let tasks =
                if is_first { [ids(&created(Elapsed::ZERO)), ids(&records.pending)].concat() } else { ids(&own) };
            let more = activity::more(first, decision, &records.decisions, records.desired);
            found.push(records.scale_out(span, Some(decision), more, &own, tasks));
        }
        found
    }

    /// Whether something at `at` comes before the first task of a decision that was made in the step, whatever the clocks: then
    /// it is not of this scale-out.
    pub(super) fn is_before(&self, at: Elapsed, span: &Span) -> bool {
        let Some(decision) = self.decision.filter(|decision| span.contains(decision.as_of)) else { return false };
        let first = self.task.filter(|task| task.as_of >= decision.as_of).unwrap_or(decision);
        at + first.uncertainty + first.clock_error < first.as_of
    }
}

/// The alarm that led to the decision: the last one in the step before it; or one that was on when the step began.
fn alarm<'a>(milestones: &'a [Milestone], decision: Option<&Milestone>, span: &Span) -> Option<&'a Milestone> {
    let named = decision.and_then(|decision| alarm_of(&decision.detail));
    let is_apt = |alarm: &&Milestone| named.is_none_or(|name| alarm.subject == name);
    let alarms: Vec<_> = of_kind(milestones, MilestoneKind::Alarm).into_iter().filter(is_apt).collect();
    let in_time = |alarm: &&&Milestone| decision.is_none_or(|decision| alarm.as_of <= decision.as_of);
    let in_step = alarms.iter().filter(|alarm| span.contains(alarm.as_of) && !stood_at_the_start(alarm)).rfind(in_time);
    let over = of_kind(milestones, MilestoneKind::AlarmOver);
    let is_on_at_start = |alarm: &&&Milestone| {
        let ends_it =
            |end: &&Milestone| end.subject == alarm.subject && end.as_of >= alarm.as_of && span.is_after(end.as_of);
        (span.is_after(alarm.as_of) || stood_at_the_start(alarm)) && !over.iter().any(ends_it)
    };
    in_step.or_else(|| alarms.iter().rfind(is_on_at_start)).copied()
}

/// Whether it stood when the session began, since whenever: that is recorded as the session's very start.
pub(super) fn stood_at_the_start(one: &Milestone) -> bool {
    one.as_of == Elapsed::ZERO
}
