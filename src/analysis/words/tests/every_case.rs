//! Every case of a step: what is said of it, in which color, and that it contradicts neither the header nor itself.

use super::*;

/// What cannot both be true of one step at one moment: of what the header says, of two parts of the sentence.
fn contradicts(header: Present, text: &str) -> Option<String> {
    let says = |words: &str| text.contains(words);
    let pairs: &[(Present, &[&str])] = &[
        (
            Present::Held,
            &[
                "back under 500 ms yet",
                "back under 1 % yet",
                "missed again",
                "missed now",
                "and is now",
                "no answer yet",
            ],
        ),
        (Present::Missed, &["held so far", "absorbed", "holds now", "were enough", "was enough", "(counts from"]),
        (Present::NoneOk, &["held so far", "absorbed", "holds now", "were enough", "was enough", "(counts from"]),
        (Present::NotMeasured, &["held so far,", "missed now", "holds now", "(counts from"]),
        (
            Present::NoLoad,
            &["not back under 500 ms yet", "not back under 1 % yet", "(counts from", "holds now", "missed now"],
        ),
        (Present::Unjudged, &["(counts from", "holds now", "missed now"]),
        (Present::Over, &[" yet", "so far", " now"]),
    ];
    let of_header = pairs.iter().filter(|(present, _)| *present == header).flat_map(|(_, words)| words.iter());
    if let Some(words) = of_header.copied().find(|words| says(words)) {
        return Some(format!("the header says {header:?}, the sentence “{words}”"));
    }
    let both: &[(&str, &str)] = &[
        ("enough", "not reached"),
        ("enough", "not back"),
        ("enough", "no new instance"),
        ("enough", "missed"),
        ("absorbed", "not reached"),
        ("absorbed", "not back"),
        ("absorbed", "missed"),
        ("held so far", "not reached"),
        ("held so far", "missed"),
        ("no answer", "held"),
        ("no load", "lost"),
        ("there for less than", "not reached"),
        ("stayed at", "down to"),
    ];
    both.iter().find(|(a, b)| says(a) && says(b)).map(|(a, b)| format!("“{a}” and “{b}”"))
}

#[test]
fn no_case_of_a_step_contradicts_the_header_or_itself() {
    let objections = [
        Validity::Valid,
        Validity::InvalidGenerator("p99 send lag 34 ms".to_owned()),
        Validity::InvalidStart("instances <= 1".to_owned()),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (before, rate, end) in [(5, 600), (600, 5), (5, 5), (600, 0), (0, 0), (0, 5)]
        .into_iter()
        .flat_map(|(before, rate)| [None, Some(62)].map(|end| (before, rate, end)))
    {
        for (supply, numbers) in supplies() {
            for recovery in Recovery::ALL {
                for present in Present::ALL {
                    if (present == Present::Over) != end.is_some() || !recovery.may_be(present) {
                        continue;
                    }
                    for validity in &objections {
                        let step = step(before, to(rate), end);
                        let mut numbers = numbers.clone();
                        let is_waited_for = end.is_none() && rate > 0;
                        recovery.set(&mut numbers, is_waited_for);
                        let text = in_words(&step, &numbers, validity, present);
                        let of = format!("{supply}, {recovery:?}, {present:?}: {text}");
                        assert_eq!(contradicts(present, &text), None, "{of}");
                        assert!(!text.contains(", ,") && !text.contains(": ;") && !text.ends_with(": "), "{of}");
                        assert_eq!(text.matches("invalid").count(), usize::from(*validity != Validity::Valid), "{of}");
                        if rate == 0 {
                            assert!(
                                !text.contains("back under 500 ms yet"),
                                "nothing is waited for without load: {of}"
                            );
                        }
                        seen.insert(text);
                    }
                }
            }
        }
    }
    assert!(seen.len() > 300, "the cases are told apart: {}", seen.len());
}

/// What the instances did, what the objective came to, the rate, the header; the sentence, its colour.
type Case = (&'static str, Recovery, u32, Present, &'static str, Tone);

fn cases() -> Vec<Case> {
    use Present::{Held, Missed, NoLoad, NotMeasured, Over};
    vec![
        ("enough", Recovery::Never, 600, Over, "5 instances were enough, absorbed, the objective held", Tone::Good),
        (
            "enough",
            Recovery::Not,
            600,
            Missed,
            "5 instances there, 3 reckoned to be needed, p99 not back under 500 ms yet",
            Tone::Bad,
        ),
        (
            "fell",
            Recovery::Never,
            600,
            Held,
            "no new instance yet, 2 instances now of 3 reckoned to be needed (5 before it), objective held so far",
            Tone::Good,
        ),
        (
            "short",
            Recovery::Never,
            600,
            Held,
            "no new instance yet, 1 instance of 3 reckoned to be needed, objective held so far",
            Tone::Good,
        ),
        (
            "short",
            Recovery::Not,
            600,
            Missed,
            "no new instance yet, 3 instances not reached yet, p99 not back under 500 ms yet",
            Tone::Bad,
        ),
        (
            "short",
            Recovery::Not,
            600,
            Over,
            "no new instance within 36 s, 3 instances not reached within 36 s, p99 not back under 500 ms within 36 s",
            Tone::Bad,
        ),
        (
            "lately",
            Recovery::Pending,
            600,
            Held,
            "first new instance after 8.1 s, 3 instances there, not yet for 10 s, p99 under 500 ms again for 4 s (counts from 10 s on)",
            Tone::Warning,
        ),
        (
            "unknown",
            Recovery::Pending,
            600,
            Over,
            "p99 under 500 ms again only for the last 4 of 36 s, too short to count (10 s)",
            Tone::Warning,
        ),
        (
            "unknown",
            Recovery::Relapsed,
            600,
            Missed,
            "p99 back under 500 ms after 12.0 s (judged over 5 s), the objective is missed again now",
            Tone::Bad,
        ),
        (
            "unknown",
            Recovery::Relapsed,
            600,
            Over,
            "p99 back under 500 ms after 12.0 s (judged over 5 s), the objective was missed again at its end",
            Tone::Bad,
        ),
        ("unknown", Recovery::Never, 600, Missed, "objective missed now, held until then", Tone::Bad),
        ("unknown", Recovery::Never, 600, NotMeasured, "objective held as far as it was measured", Tone::Good),
        ("unknown", Recovery::Not, 0, NoLoad, "p99 not back under 500 ms when the load ended after 36 s", Tone::Bad),
        (
            "unknown",
            Recovery::Before,
            600,
            Held,
            "the objective was already missed before, it holds now",
            Tone::Neutral,
        ),
        ("unknown", Recovery::NotJudged, 600, Missed, "not judged: 100 % answer 404", Tone::Warning),
        ("unknown", Recovery::NoArrivals, 600, Held, "no arrivals yet", Tone::Neutral),
        ("unknown", Recovery::NoArrivals, 0, NoLoad, "no load", Tone::Neutral),
    ]
}

#[test]
fn each_case_has_its_sentence_and_its_colour() {
    let with = |supply: &str, recovery: Recovery, open: bool| {
        let mut numbers = supplies().into_iter().find(|(name, _)| *name == supply).unwrap().1;
        recovery.set(&mut numbers, open);
        numbers
    };
    for (supply, recovery, rate, present, expected, tone) in cases() {
        let end = (present == Present::Over).then_some(62);
        let step = step(5, to(rate), end);
        let numbers = with(supply, recovery, end.is_none() && rate > 0);
        let text = in_words(&step, &numbers, &Validity::Valid, present);
        let (_, said) = text.split_once(": ").unwrap();
        assert_eq!(said.split(';').next(), Some(expected), "{supply}, {recovery:?}, {present:?}");
        assert_eq!(tone_of(&Objective::of(&step, &numbers, present)), tone, "{expected}");
    }
}
