//! The dashboard in docs/grafana, held against the metrics there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::metrics::exposition::{FAMILIES, page};
use crate::session::fixtures::{events, folded};
use crate::session::halves::Halves;

const DASHBOARD: &str = include_str!("../../../../docs/grafana/scaletop.json");

/// Metrics that no panel shows, each for a reason. All are shown so far.
const NOT_SHOWN: [&str; 0] = [];

/// Labels that a scraper adds.
const OF_THE_SCRAPER: [&str; 2] = ["job", "instance"];

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// The labels of each metric, as docs/metrics.md has them.
fn labels() -> BTreeMap<&'static str, BTreeSet<String>> {
    let page = include_str!("../../../../docs/metrics.md");
    let of = |(name, ..): &(&'static str, &str, &str)| {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
        let cell = row.split('|').nth(3).unwrap();
        let names = cell.split(':').next().unwrap().split(',').map(|label| label.trim().trim_matches('`').to_owned());
        (*name, names.filter(|label| !label.is_empty()).chain(["side".to_owned()]).collect())
    };
    FAMILIES.iter().map(of).collect()
}

/// What an expression says of metrics: their names with the labels that are asked of them, and the labels that it groups by.
fn read(expr: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    for (at, _) in expr.match_indices("scaletop_") {
        let name: String = expr[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let rest = &expr[at + name.len()..];
        let asked = rest.strip_prefix('{').map(|rest| rest.split('}').next().unwrap()).unwrap_or_default();
        let pair = |pair: &str| {
            let (label, value) = pair.split_once(['=', '!']).unwrap_or_else(|| panic!("{expr}: {pair}"));
            (label.to_owned(), value.trim_start_matches(['=', '~']).trim_matches('"').to_owned())
        };
        found.push((name, asked.split(',').filter(|pair| !pair.is_empty()).map(pair).collect()));
    }
    found
}

/// Every expression of the dashboard, each with where it stands and what its legend names.
fn expressions(dashboard: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for panel in panels(dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.push((text(&panel["title"]), text(&target["expr"]), text(&target["legendFormat"])));
        }
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        found.push((text(&annotation["name"]), text(&annotation["expr"]), text(&annotation["titleFormat"])));
    }
    found
}

/// The labels of a legend: `p{{quantile}}`.
fn of_legend(legend: &str) -> Vec<String> {
    legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap().trim().to_owned()).collect()
}

#[test]
fn every_panel_asks_for_metrics_and_labels_that_there_are() {
    let (dashboard, labels) = (dashboard(), labels());
    for (place, expr, legend) in expressions(&dashboard) {
        let found = read(&expr);
        assert!(!found.is_empty(), "{place}: {expr} asks for nothing");
        for (name, asked) in &found {
            let has = labels.get(name.as_str()).unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
            for (label, _) in asked {
                let is_known = has.contains(label) || OF_THE_SCRAPER.contains(&label.as_str());
                assert!(is_known, "{place}: {name} has no label {label}, but {has:?}");
            }
            let asks = |label: &str| asked.iter().any(|(name, value)| name == label && value == &format!("${label}"));
            assert!(asks("job") && asks("side"), "{place}: {expr} is not of the job and the target that were chosen");
            for label in of_legend(&legend) {
                assert!(has.contains(&label), "{place}: {name} has no label {label} for the legend {legend}");
            }
        }
        for by in expr.split("by (").skip(1).flat_map(|rest| rest.split(')').next().unwrap().split(',')) {
            assert!(found.iter().all(|(name, _)| labels[name.as_str()].contains(by.trim())), "{place}: by {by}");
        }
        let (opened, closed) = (expr.matches(['(', '{', '[']).count(), expr.matches([')', '}', ']']).count());
        assert_eq!(opened, closed, "{place}: {expr}");
        let is_counter = |name: &str| name.ends_with("_total");
        for (name, _) in &found {
            assert_eq!(
                is_counter(name),
                expr.contains(&format!("rate({name}")),
                "{place}: {expr}: counters alone have rates"
            );
        }
    }
}

#[test]
fn every_metric_is_on_a_panel_but_those_that_are_left_out_on_purpose() {
    let shown: BTreeSet<String> =
        expressions(&dashboard()).iter().flat_map(|(_, expr, _)| read(expr)).map(|(name, _)| name).collect();
    for (name, ..) in FAMILIES {
        assert_ne!(shown.contains(*name), NOT_SHOWN.contains(name), "{name}: on a panel, or left out on purpose?");
    }
}

#[test]
fn a_value_that_is_asked_of_a_label_is_one_that_it_has() {
    let text = page(&Halves::of(super::session(), None)) + &page(&Halves::of(folded(&events()), None));
    for (place, expr, _) in expressions(&dashboard()) {
        for (name, asked) in read(&expr) {
            let asked = asked.into_iter().filter(|(_, value)| !value.starts_with('$'));
            for (label, value) in asked.flat_map(|(label, values)| {
                values.split('|').map(|value| (label.clone(), value.to_owned())).collect::<Vec<_>>()
            }) {
                // Of what failed no fixture has a percentile; it has those of the others.
                let name = name.replace("_failed_response_", "_response_");
                let says = |line: &str| line.starts_with(&name) && line.contains(&format!("{label}=\"{value}\""));
                assert!(text.lines().any(says), "{place}: {name} is never told with {label}=\"{value}\"");
            }
        }
    }
}

#[test]
fn the_page_of_metrics_has_every_label() {
    let labels = labels();
    let text =
        page(&Halves::of(super::session(), Some(super::session()))) + &page(&Halves::of(folded(&events()), None));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else { continue };
        for pair in rest.split("\",").filter_map(|pair| pair.split_once('=')) {
            assert!(labels[name].contains(pair.0), "docs/metrics.md: {name} has the label {}", pair.0);
        }
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut taken: Vec<(String, [u64; 4])> = Vec::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap().to_owned();
        assert!(!title.is_empty() && ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(w > 0 && h > 0 && x + w <= 24, "{title} leaves the 24 columns of the grid");
        for (other, [ox, oy, ow, oh]) in &taken {
            let is_apart = x + w <= *ox || ox + ow <= x || y + h <= *oy || oy + oh <= y;
            assert!(is_apart, "{title} lies over {other}");
        }
        taken.push((title.clone(), [x, y, w, h]));
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            let refs: BTreeSet<_> =
                panel["targets"].as_array().unwrap().iter().map(|target| target["refId"].to_string()).collect();
            assert_eq!(refs.len(), panel["targets"].as_array().unwrap().len(), "{title}: a refId twice");
        }
    }
    let variables: Vec<_> =
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "job", "side"]);
    assert!(dashboard["uid"].is_string() && dashboard["schemaVersion"].as_u64() >= Some(39));
    assert!(dashboard["id"].is_null(), "an import gives it one");
}
