//! The situations that are looked at: each is a test of its own, and one of the list for what holds for all of them.

use super::*;
use crate::app::state::{Lifecycle, Prompt, PromptKind, Question};
use crate::instances::{Basis, CountSource, Counted};
use crate::session::event::NoticeLevel;
use crate::tui::fixtures::spike_of;
use scaletop_load::OutcomeKind;
use scaletop_units::{ArrivalRate, GeneratorChange};

/// One test a situation, and the list of all for the picture gallery and the size sweep.
macro_rules! situations {
    ($($panel:ident { $($situation:ident: $builder:expr;)* })*) => {
        $(mod $panel {
            use super::*;
            $(#[test]
            fn $situation() {
                let name = concat!(stringify!($panel), "__", stringify!($situation));
                snapshots(name, built(name), &[(80, 24), (120, 40)]);
            })*
        })*

        pub(super) fn all_situations() -> Vec<(&'static str, fn() -> Builder)> {
            vec![$($((concat!(stringify!($panel), "__", stringify!($situation)), || $builder),)*)*]
        }
    };
}

const ECS_SCALE_OUT: [(MilestoneKind, u64, &str); 6] = [
    (MilestoneKind::Alarm, 3, "TargetTracking-service/default/demo-AlarmHigh"),
    (
        MilestoneKind::Decision,
        4,
        "Setting desired count to 4: monitor alarm TargetTracking-service/default/demo-AlarmHigh",
    ),
    (MilestoneKind::TaskCreated, 5, ""),
    (MilestoneKind::ImagePulled, 7, ""),
    (MilestoneKind::TaskStarted, 8, ""),
    (MilestoneKind::TaskHealthy, 10, ""),
];

/// A service of no platform that is known, counted by a command and by Prometheus.
fn counted_by_sources() -> Builder {
    let by = |source, counted| Basis::By(source, counted);
    let (command, prometheus) = (CountSource::Command, CountSource::Prometheus);
    let begun = state().rate(50).run(30).rate(300).run(10).instance("i-21c0").run(20);
    let wanted = [(1, 50), (3, 28), (3, 18), (3, 8)].into_iter();
    let wanted = wanted.fold(begun, |state, (n, ago)| state.observed(by(command, Counted::Desired), n, ago, false));
    let ran = [(1, 50), (1, 40), (2, 22), (2, 12), (2, 2)].into_iter();
    let ran = ran.fold(wanted, |state, (n, ago)| state.observed(by(command, Counted::Running), n, ago, false));
    let late = ran.observed(by(prometheus, Counted::Running), 1, 55, false);
    late.live("command").stale("prometheus", 40)
}

situations! {
    overview {
        empty: state();
        first_second: state().limits().rate(50).run(1);
        steady: state().limits().rate(50).live("cloudwatch").run(120);
        scale_out: spike(2, 3);
        recovered: spike(4, 60).mark("deploy 1.2").run(4);
        source_stale: spike(4, 30).stale("cloudwatch", 40);
        source_failed: state().rate(50).run(30).failed("apprunner");
        drops: state().limits().rate(600).drops(40, 0).errors(OutcomeKind::Timeout, 20).run(60);
        generator_late: state().limits().rate(600).drops(0, 12).send_lag_ms(35).run(20);
        stalled: state().limits().rate(50).run(40).stalled().run(6);
        paused: spike(4, 20).rate(0).run_as(|live| live.paused_from = Some(ArrivalRate::new(600))).run(5);
        draining: spike(4, 20).rate(0).run_as(|live| live.phase = Lifecycle::Draining);
        counted_by_sources: counted_by_sources();
        gap: state().limits().rate(50).run(30).gap(20).run(30);
        ramp: state().limits().rate(50).run(20).ramp(400, 30).run(15);
        scrolled_back: spike(4, 60).ui(|ui| {
            ui.range.until = Some(Elapsed::from_secs(70));
            ui.range.window = Window::Minute;
        });
        linear_service_time: spike(4, 30).ui(|ui| (ui.linear_latency, ui.service_time) = (true, true));
        off_the_scale: state().limits().rate(50).p99_ms(90).run(60).rate(5_000).p99_ms(9_000).run(2).rate(50).p99_ms(90).run(60).ui(|ui| ui.linear_latency = true);
        five_failures: state().limits().rate(400).errors(OutcomeKind::Http5xxApplication, 60).errors(OutcomeKind::Connect, 40).drops(30, 0).run(60);
        exported: spike(4, 10).ui(|ui| ui.toast = Some((Elapsed::ZERO, "exported to scaletop-sessions/20261124T001500Z-demo".to_owned())));
        second_3: state().limits().rate(50).run(3);
        second_30: state().limits().rate(50).run(30);
        second_60: state().limits().rate(50).run(60);
        second_61: state().limits().rate(50).run(61);
        second_300: state().limits().rate(50).run(300);
        prompt_error_in_full: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt {
            kind: PromptKind::Rate,
            text: "9000".to_owned(),
            error: Some("9000/s is above the ceiling of 5,000/s, so nothing changes: --max-rate raises it".to_owned()),
        }));
        prompt_error: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt {
            kind: PromptKind::Rate,
            text: "-5".to_owned(),
            error: Some("a rate is a whole number from 0 to 5000".to_owned()),
        }));
        silent_target: state().limits().rate(50).stalled().run(3).errors(OutcomeKind::Timeout, 50).run(30);
        recording_lost: spike(4, 10)
            .notice(NoticeLevel::Error, "not recording: no space left on device (os error 28)")
            .ui(|ui| ui.toast = Some((Elapsed::ZERO, "not recording: no space left on device (os error 28)".to_owned())));
        question_of_a_jump: state().limits().rate(50).run(60).ui(|ui| ui.question = Some(Question::Jump {
            action: Action::Spike,
            to: ArrivalRate::new(600),
            highest: ArrivalRate::new(50),
        }));
        question_before_the_end: spike(4, 100).ui(|ui| ui.question = Some(Question::Quit));
        prompt: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt { text: "45".to_owned(), ..Prompt::new(PromptKind::Rate) }));
        palette: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt::new(PromptKind::Command)));
        palette_of_one: spike(2, 3).ui(|ui| ui.prompt = Some(Prompt { text: "ram".to_owned(), ..Prompt::new(PromptKind::Command) }));
        hostile_text: state().rate(50).run(30).mark("\x1b[2J\x07 two\nlines \u{202e}").run(10).fact("status", "\x1b]0;title\x07").failed("evil\x1b[31m");
    }
    latency {
        none: state().view(View::Latency);
        scale_out: spike(3, 4).view(View::Latency);
        recovered: spike(4, 60).view(View::Latency);
    }
    instances {
        none: state().view(View::Instances);
        recovered: spike(4, 60).without_first_instance().run(12).view(View::Instances);
        pinned: spike(4, 20).pinned().run(15).view(View::Instances);
    }
    steps {
        none: state().view(View::Steps);
        recovered: spike(4, 60).rate(50).run(20).view(View::Steps).ui(|ui| ui.selected = 1);
        scale_out_on_ecs: spike(4, 20).milestones(&ECS_SCALE_OUT).view(View::Steps);
        not_scaled: spike(0, 20)
            .milestones(&[(MilestoneKind::Alarm, 9, "high"), (MilestoneKind::NotScaled, 10, "AlreadyAtMaxCapacity\x1b[2J")])
            .view(View::Steps);
    }
    log {
        none: state().view(View::Log);
        entries: spike(4, 10)
            .stale("cloudwatch", 40)
            .mark("deploy 1.2")
            .notice(NoticeLevel::Info, "exported to scaletop-sessions/20261124T001500Z-demo")
            .run(2)
            .notice(NoticeLevel::Warning, "the send lag rose over 10 ms: the generator, not the service, may be the limit")
            .notice(NoticeLevel::Error, "cannot write recording.jsonl: no space left on device; free some, load goes on")
            .view(View::Log);
        filtered: spike(4, 10).mark("deploy 1.2").run(2).view(View::Log).ui(|ui| ui.filter = Some("deploy".to_owned()));
    }
    replay {
        playing: spike(4, 20).replay(10, 3_600);
        at_the_end: spike(4, 20).mark("deploy 1.2").replay(1, 0);
        missed_at_the_end: spike(1, 60).replay(50, 0);
        help: spike(4, 20).replay(50, 86_400).ui(|ui| ui.help = Some(0));
        scrolled_back: spike(4, 60).replay(1, 3_600).ui(|ui| ui.range.until = Some(Elapsed::from_secs(70)));
    }
    two {
        empty: state().limits().beside("demo:ecs", state().limits());
        scale_out: spike(4, 20).beside("demo:ecs", spike(1, 38));
        latency: spike(4, 20).beside("demo:ecs", spike(1, 38)).view(View::Latency);
        instances: spike(4, 20).beside("demo:ecs", spike(1, 38)).view(View::Instances);
        steps: spike(4, 60).rate(50).run(20).beside("demo:ecs", spike(2, 72).rate(50).run(20)).view(View::Steps).ui(|ui| ui.selected = 1);
        log: spike(4, 20).mark("deploy 1.2").beside("demo:ecs", spike(1, 38).mark("deploy 1.2").notice(NoticeLevel::Warning, "objective MISSED 9 s: 80 % answer 429")).view(View::Log);
        replay: spike(4, 20).replay(10, 3_600).beside("https://a-host-with-a-long-name.example.com/", spike(1, 38));
    }
    fleet {
        overview: spike_of(state().fleet(3), 4, 24);
        lost: spike_of(state().fleet(3), 4, 24)
            .silent("g2")
            .generator("g2", GeneratorChange::Suspected, Some("no beat for 1.0 s"))
            .run(1)
            .generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s"))
            .fleet_stands(None)
            .run(1);
        held: spike_of(state().fleet(3), 4, 24).silent("g2").silent("g3").fleet_stands(Some("1 of 3 generators is there, 2 are needed")).run(3);
        none_left: spike_of(state().fleet(2), 4, 14)
            .silent("g1")
            .silent("g2")
            .generator("g1", GeneratorChange::Lost, Some("no beat for 1.5 s"))
            .generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s"))
            .fleet_stands(Some("0 of 2 generators are there, 1 is needed"))
            .run(3);
        ended: spike_of(state().fleet(2), 4, 14)
            .rate(0)
            .run(3)
            .generator("g1", GeneratorChange::Left, None)
            .generator("g2", GeneratorChange::Left, None)
            .ended();
        generators: spike_of(state().fleet(3), 4, 64)
            .silent("g2")
            .generator("g2", GeneratorChange::Suspected, Some("no beat for 1.0 s"))
            .run(2)
            .generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s"))
            .generator("g2", GeneratorChange::TakenOver, None)
            .run(6)
            .heard("g2")
            .generator("g2", GeneratorChange::Returned, None)
            .fleet_stands(None)
            .run(4)
            .generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s"))
            .generator("g2", GeneratorChange::Returned, None)
            .run(6)
            .generator("g3", GeneratorChange::Left, Some("it was asked to"))
            .view(View::Generators);
        many: spike_of(state().fleet(50), 4, 14).view(View::Generators);
        none: state().view(View::Generators);
        log: spike_of(state().fleet(2), 4, 14).generator("g2", GeneratorChange::Lost, Some("no beat for 1.5 s")).generator("g2", GeneratorChange::TakenOver, None).run(1).view(View::Log);
    }
    requests {
        three: state().rate(60).run_requests(20, &["search", "check out & pay", "GET /a/path/that/is/rather/long/…"]).view(View::Requests);
        none: state().view(View::Requests);
    }
    help {
        overview: state().limits().rate(50).run(60).ui(|ui| ui.help = Some(0));
    }
}
