//! Which of the platform's records belong to the scale-out of a step: its alarm, its decision, its tasks. Pure.

use crate::analysis::waterfall::ScaleOutEvidence;
use crate::analysis::waterfall::activity::{self, Aim};
use crate::analysis::waterfall::span::Span;
use crate::instances::milestone::{Milestone, MilestoneKind, alarm_of};
use scaletop_units::Elapsed;

/// What belongs to the scale-out of one step.
#[derive(Debug)]
pub(super) struct ScaleOut<'a> {
    /// What asked for more.
    pub(super) decision: Option<&'a Milestone>,
    /// The alarm that led to it.
    pub(super) alarm: Option<&'a Milestone>,
    /// The task whose life is told: the first that runs, else the first that was created.
    pub(super) task: Option<&'a Milestone>,
    /// Every task that may be of it, by id.
    pub(super) tasks: Vec<&'a str>,
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

impl<'a> ScaleOut<'a> {
    pub(super) fn of(evidence: &ScaleOutEvidence<'a>, span: &Span) -> Self {
        let milestones = evidence.milestones;
        let in_step = |milestone: &&Milestone| span.contains(milestone.as_of);
        let all_created = of_kind(milestones, MilestoneKind::TaskCreated);
        let created: Vec<_> = all_created.iter().copied().filter(in_step).collect();
        // Tasks on their way when the step began.
        let pending = all_created.iter().copied().filter(|task| {
            let before = |kind| of_task(milestones, kind, &task.subject).is_some_and(|one| span.is_after(one.as_of));
            span.is_after(task.as_of) && !before(MilestoneKind::TaskStarted) && !before(MilestoneKind::TaskStopped)
        });
        let pending: Vec<&Milestone> = pending.collect();

        let decisions = of_kind(milestones, MilestoneKind::Decision);
        let with_aim = |aim| {
            let is_so = |one: &&Milestone| activity::aim(one, &decisions, evidence.desired) == aim;
            decisions.iter().copied().filter(is_so).collect::<Vec<_>>()
        };
        let (out, unknown) = (with_aim(Aim::Out), with_aim(Aim::Unknown));
        let candidates: Vec<_> = out.iter().copied().filter(in_step).collect();
        // Words of another form than the documented ones: the nearest guess.
        let candidates = if candidates.is_empty() { unknown.into_iter().filter(in_step).collect() } else { candidates };
        // The one that counts is the last before the first new task.
        let first_created = created.first().map(|task| task.as_of);
        let in_time = |one: &&&Milestone| first_created.is_some_and(|at| one.as_of <= at);
        let mut decision = candidates.iter().rfind(in_time).or_else(|| candidates.first()).copied();

        // Replacements of tasks that failed are created without a decision. Of several, the one that tells of a start.
        let followed: Vec<_> =
            created.iter().copied().filter(|task| decision.is_none_or(|one| task.as_of >= one.as_of)).collect();
        let own = if followed.is_empty() && decision.is_none() { &pending } else { &followed };
        let start = |task: &&&Milestone| {
            let started = of_task(milestones, MilestoneKind::TaskStarted, &task.subject).map(|one| one.as_of);
            (started.is_none(), started)
        };
        let task = own.iter().min_by_key(start).copied();
        if decision.is_none() && task.is_some_and(|task| pending.iter().any(|one| one.subject == task.subject)) {
            // The scale-out that was under way when the step began.
            decision = out.iter().rfind(|one| span.is_after(one.as_of)).copied();
        }
        let tasks = created.iter().chain(&pending).map(|task| task.subject.as_str()).collect();
        Self { decision, alarm: alarm(milestones, decision, span), task, tasks }
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
