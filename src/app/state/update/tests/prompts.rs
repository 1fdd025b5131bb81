//! What is typed or pasted into a prompt.

use super::*;

#[test]
fn a_typed_rate_is_set_and_a_typed_ramp_ramps() {
    let mut state = state();
    let effects = typed(&mut state, Action::AskRate, "450");
    assert_eq!(effects[0], set_rate(Elapsed::from_secs(1), RateProfile::Constant(ArrivalRate::new(450))));
    let effects = typed(&mut state, Action::AskRamp, "900 1m");
    let ramp =
        RateProfile::Ramp { from: ArrivalRate::new(450), to: ArrivalRate::new(900), over: Duration::from_mins(1) };
    assert_eq!(effects[0], set_rate(Elapsed::from_secs(1), ramp));
    assert_eq!(state.ui.prompt, None);
}

#[test]
fn another_objective_is_recorded_and_judges_from_now_on() {
    let mut state = state();
    let effects = typed(&mut state, Action::AskCommand, "slo p99=300ms");
    let slo = Slo { latency: Duration::from_millis(300), ..Slo::default() };
    assert_eq!(effects, [recorded(Elapsed::from_secs(1), SessionEvent::Objective(slo))]);
    assert_eq!(*state.session().objective(), slo);
    typed(&mut state, Action::AskCommand, "slo errors=0.5%");
    assert_eq!(*state.session().objective(), Slo { errors: 0.005, ..slo }, "what is not named stays");
}

#[test]
fn an_objective_is_refused_where_it_cannot_be_another() {
    let error = |state: &State| state.ui().prompt.as_ref().unwrap().error.clone().unwrap();
    let mut live = state();
    assert_eq!(typed(&mut live, Action::AskCommand, "slo p99=500ms"), []);
    assert_eq!(error(&live), "it is p99 ≤ 500 ms, errors ≤ 1 % already");
    let settings = Settings { plan: Some("spike".to_owned()), ..Settings::default() };
    let mut planned = State::live(Header::new(0, settings), Live::new(ArrivalRate::new(600)));
    assert_eq!(typed(&mut planned, Action::AskCommand, "slo p99=300ms"), []);
    assert!(error(&planned).starts_with("a plan drives this session"), "{}", error(&planned));
}

#[test]
fn a_text_that_is_pasted_is_typed_into_an_open_prompt_and_accepted_by_nobody() {
    let at = Elapsed::from_secs(1);
    let pasted = |open: Option<Action>, text: &str| {
        let mut state = state();
        if let Some(open) = open {
            update(&mut state, at, Event::Action(open));
        }
        let effects = update(&mut state, at, Event::Pasted(text.to_owned()));
        assert_eq!(effects, [], "{text:?} drives nothing");
        state
    };
    for (open, text, typed) in [
        (Action::AskRate, "600\n", "600"),
        (Action::AskRamp, "600\t30s\r\n", "600 30s"),
        (Action::AskCommand, "rate 900\r\nspike\n", "rate 900 spike"),
        (Action::AskFilter, "\x1b[31mdeploy\x07", "[31mdeploy"),
    ] {
        let state = pasted(Some(open.clone()), text);
        assert_eq!(state.ui.prompt.as_ref().map(|prompt| prompt.text.as_str()), Some(typed), "{open:?}");
        let filter = (open == Action::AskFilter).then(|| typed.to_owned());
        assert_eq!(state.ui.filter, filter, "what is filtered by is seen at once");
    }
    let long = pasted(Some(Action::AskCommand), &"x".repeat(200));
    let prompt = long.ui.prompt.as_ref().unwrap();
    assert_eq!(prompt.text, "", "half of it is not taken");
    assert!(prompt.error.as_ref().unwrap().contains("200 characters: 120 fit"), "{prompt:?}");
    let elsewhere = pasted(None, "sss\n");
    assert_eq!(elsewhere.ui.toast.as_ref().unwrap().1, "pasting does nothing here: press the keys");
}

#[test]
fn a_text_that_is_pasted_is_no_answer_to_a_question() {
    let mut state = elsewhere();
    update(&mut state, Elapsed::from_secs(1), Event::Action(Action::Preset(1)));
    update(&mut state, Elapsed::from_secs(2), Event::Action(Action::Preset(9)));
    let question = state.ui.question.clone();
    assert!(question.is_some(), "a jump is asked for");
    assert_eq!(update(&mut state, Elapsed::from_secs(3), Event::Pasted("\n".to_owned())), []);
    assert_eq!(state.ui.question, question);
}

#[test]
fn a_moment_that_the_session_has_not_is_refused_with_those_that_it_has() {
    let error = |text: &str| {
        let mut state = state();
        state.now = Elapsed::from_secs(274);
        update(&mut state, Elapsed::from_secs(274), Event::Action(Action::AskCommand));
        update(&mut state, Elapsed::from_secs(274), Event::Pasted(text.to_owned()));
        assert_eq!(update(&mut state, Elapsed::from_secs(274), Event::Action(Action::PromptAccept)), []);
        (state.ui.prompt.and_then(|prompt| prompt.error), state.ui.range.cursor)
    };
    let (refused, cursor) = error("go 9:59");
    assert_eq!(refused.as_deref(), Some("9:59 is not within the session, which goes from 0:00 to 4:32"));
    assert_eq!(cursor, None, "nothing moves");
    assert_eq!(error("go -5s").0.as_deref(), Some("that is before the session, which goes from 0:00 to 4:32"));
    assert_eq!(error("go 4:31"), (None, Some(Elapsed::from_secs(271))));
}

#[test]
fn a_prompt_that_makes_no_sense_stays_open_and_says_why() {
    for (open, text) in [
        (Action::AskRate, "-5"),
        (Action::AskRate, "NaN"),
        (Action::AskRate, ""),
        (Action::AskRate, "5 6"),
        (Action::AskRamp, "600 fast"),
        (Action::AskRamp, "600"),
    ] {
        let mut state = state();
        assert_eq!(typed(&mut state, open, text), [], "{text}");
        assert!(state.ui.prompt.unwrap().error.is_some(), "{text}");
    }
}
