//! Which request an arrival sends, and what stands in it.

use super::*;
use scaletop_units::Elapsed;

fn request(name: &str, weight: u32) -> RequestSpec {
    let (method, target) = ("GET".to_owned(), format!("/{name}"));
    RequestSpec { name: name.into(), weight, method, target, headers: Vec::new(), body: None }
}

fn mix(requests: Vec<RequestSpec>) -> Result<Mix, MixError> {
    let row = |name: &str, city: &str| vec![name.to_owned(), city.to_owned()];
    let rows = vec![row("Ada", "Aix-en-Provence"), row("Bo & Co", "Zürich"), row("\"Cy\"", "")];
    Mix::new(MixSpec { seed: 7, requests, columns: vec!["name".to_owned(), "city".to_owned()], rows })
}

/// What `body` becomes for arrival `number`, due 1.5 s after 2026-11-28T19:10:04Z.
fn written(body: &str, number: u64) -> String {
    let mix = mix(vec![RequestSpec { body: Some(body.to_owned()), ..request("a", 1) }]).unwrap();
    let draw = mix.draw(Arrival { number, due: Elapsed::from_millis(1_500) }, 1_795_893_004_000_000);
    let mut text = String::new();
    mix.requests()[0].body.as_ref().unwrap().write(&draw, &mut text);
    text
}

fn refused(body: &str) -> String {
    mix(vec![RequestSpec { body: Some(body.to_owned()), ..request("a", 1) }]).unwrap_err().to_string()
}

#[test]
fn requests_are_sent_in_proportion_to_their_weights_and_by_seed_and_number_alone() {
    let mix_of = |seed| {
        let spec = mix(vec![request("often", 7), request("seldom", 1), request("some", 2)]).unwrap().spec;
        Mix::new(MixSpec { seed, ..spec }).unwrap()
    };
    let picks = |mix: &Mix| (1..=100_000).map(|number| mix.pick(number)).collect::<Vec<_>>();
    let drawn = picks(&mix_of(7));
    let share = |at| drawn.iter().filter(|&&pick| pick == at).count();
    // Four standard deviations of 100,000 draws are at most 580.
    assert!(share(0).abs_diff(70_000) < 580 && share(1).abs_diff(10_000) < 380 && share(2).abs_diff(20_000) < 506);
    assert_eq!(drawn, picks(&mix_of(7)), "the same seed sends the same");
    assert_ne!(drawn, picks(&mix_of(8)), "another seed sends others");
    // Whoever takes every fifth arrival gets every request, as often as the others do.
    for worker in 0..5 {
        let mine = drawn.iter().skip(worker).step_by(5).filter(|&&pick| pick == 1).count();
        assert!(mine.abs_diff(2_000) < 170, "{mine}");
    }
}

#[test]
fn values_are_put_in_anew_for_each_arrival() {
    assert_eq!(written("no. {{n}} at {{ now }}", 12), "no. 12 at 2026-11-28T19:10:05.500Z");
    assert_eq!(written("{{now s}} {{now ms}}", 1), "1795893005 1795893005500");
    assert_eq!(written("{{csv.name}}, {{csv.city}}", 1), "Ada, Aix-en-Provence");
    assert_eq!(written("{{csv.name}}", 5), "Bo & Co", "the rows begin again");
    assert_eq!(written("{{csv.name|url}} {{csv.city | url}}", 2), "Bo%20%26%20Co Z%C3%BCrich");
    assert_eq!(written(r#"{"name": "{{csv.name|json}}"}"#, 3), r#"{"name": "\"Cy\""}"#);
    assert_eq!(written("{{'{{'}}n{{'}}'}} {{'a|b'}}", 1), "{{n}} a|b");
    assert_eq!(written("{ \"a\": {} }", 1), "{ \"a\": {} }", "single braces are text");
}

#[test]
fn random_values_differ_by_place_and_number_and_stay_within_their_range() {
    let mut seen = [0_u32; 6];
    for number in 1..=6_000 {
        let drawn: usize = written("{{random 1..6}}", number).parse().unwrap();
        seen[drawn - 1] += 1;
    }
    assert!(seen.iter().all(|&count| count.abs_diff(1_000) < 116), "{seen:?}");
    assert_eq!(written("{{random -3..-3}}", 9), "-3");
    let whole: i64 = written(&format!("{{{{random {}..{}}}}}", i64::MIN, i64::MAX), 9).parse().unwrap();
    assert_ne!(whole, 0);
    let both = written("{{uuid}} {{uuid}}", 1);
    let (one, other) = both.split_once(' ').unwrap();
    assert_ne!(one, other, "each place draws its own");
    assert_ne!(one, written("{{uuid}}", 2));
    assert_eq!(one, written("{{uuid}}", 1), "the same arrival, the same value");
    let parts: Vec<_> = one.split('-').map(str::len).collect();
    assert_eq!((&parts[..], &one[14..15]), (&[8, 4, 4, 4, 12][..], "4"), "{one}");
    assert!("89ab".contains(&one[19..20]), "{one}");
}

#[test]
fn what_is_no_value_is_refused_with_what_there_is() {
    for (body, says) in [
        ("{{id}}", "`{{id}}` is no value; there are n, uuid"),
        ("{{n", "opens a value that nothing closes"),
        ("{{n|upper}}", "|json, |url or |raw"),
        ("{{random}}", "has no range"),
        ("{{random 9..1}}", "the smaller first"),
        ("{{random 1..x}}", "two whole numbers"),
        ("{{csv.town}}", "no column `town` in the data; it has name, city"),
        ("{{now h}}", "is no value"),
        ("{{uuid 4}}", "is no value"),
    ] {
        let error = refused(body);
        assert!(error.contains(says) && error.contains("the body of request a"), "{body}: {error}");
    }
    let without = MixSpec {
        requests: vec![RequestSpec { target: "/{{csv.a}}".to_owned(), ..request("a", 1) }],
        ..MixSpec::default()
    };
    assert!(Mix::new(without).unwrap_err().to_string().contains("name its file with --data"));
}

#[test]
fn requests_may_share_a_name() {
    let mix = mix(vec![request("b", 1), request("a", 1), request("b", 2)]).unwrap();
    assert_eq!(mix.names().iter().map(RequestName::as_str).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn requests_that_cannot_be_sent_are_refused() {
    let error = |requests| mix(requests).unwrap_err().to_string();
    assert!(error(Vec::new()).contains("at least one"));
    assert!(error(vec![request("a", 0)]).contains("never be sent"));
    assert!(error(vec![request("a", u32::MAX), request("b", 1)]).contains("smaller ones"));
    assert!(
        error(vec![RequestSpec { method: "G T".to_owned(), ..request("a", 1) }]).contains("the method of request a")
    );
    let header =
        |name: &str, value: &str| RequestSpec { headers: vec![(name.to_owned(), value.to_owned())], ..request("a", 1) };
    assert!(error(vec![header("x y", "1")]).contains("letters, digits and hyphens"));
    assert!(error(vec![header("x", "a\nb")]).contains("line break"));
    let rows = vec![vec!["fine".to_owned()], vec!["not\nfine".to_owned()]];
    let spec = MixSpec { seed: 1, requests: vec![header("x", "{{csv.name}}")], columns: vec!["name".to_owned()], rows };
    assert!(Mix::new(spec).unwrap_err().to_string().contains("with row 2 of the data"));
}
