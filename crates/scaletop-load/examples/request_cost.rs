//! What writing a request down costs, for one that is always the same and for those with values:
//!
//! ```text
//! cargo run --release -p scaletop-load --example request_cost
//! ```
//!
//! The median of so many rounds, in nanoseconds a request, and beside it as a share of a core at 20,000 requests a second.

#![expect(clippy::print_stdout, reason = "the table is its result")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use scaletop_load::{HttpFactory, Mix, MixSpec, RequestOptions, RequestSpec};

const ROUNDS: usize = 15;
const REQUESTS: u64 = 100_000;

fn spec(target: &str, body: Option<&str>, weight: u32) -> RequestSpec {
    RequestSpec {
        name: target.into(),
        weight,
        method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: body.map(str::to_owned),
    }
}

fn factory(requests: Vec<RequestSpec>) -> anyhow::Result<HttpFactory> {
    let mut options = RequestOptions::get("http://127.0.0.1:8080/".parse()?);
    if !requests.is_empty() {
        let rows = (0..1_000).map(|row| vec![format!("customer {row}")]).collect();
        let spec = MixSpec { seed: 1, requests, columns: vec!["name".to_owned()], rows };
        options.mix = Some(Arc::new(Mix::new(spec)?));
    }
    Ok(HttpFactory::new(&options)?)
}

fn main() -> anyhow::Result<()> {
    let order = r#"{"order": {{n}}, "at": "{{now}}", "id": "{{uuid}}", "who": "{{csv.name|json}}"}"#;
    let several = (1..=8).map(|n| spec(&format!("/items/{n}"), None, n)).collect();
    let cases = [
        ("one request, always the same", factory(Vec::new())?),
        ("one of eight, each always the same", factory(several)?),
        ("a path with {{n}}", factory(vec![spec("/items/{{n}}", None, 1)])?),
        (
            "a path with {{csv.name}} and {{random 1..100}}",
            factory(vec![spec("/a?q={{csv.name}}&n={{random 1..100}}", None, 1)])?,
        ),
        ("a body with {{n}}, {{now}}, {{uuid}} and {{csv.name|json}}", factory(vec![spec("/orders", Some(order), 1)])?),
    ];
    for (name, factory) in cases {
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                #[expect(clippy::disallowed_methods, reason = "it measures")]
                let began = Instant::now();
                for number in 1..=REQUESTS {
                    black_box(factory.bytes(number));
                }
                began.elapsed().as_secs_f64() * 1e9 / REQUESTS as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        let median = rounds[ROUNDS / 2];
        println!("{name:60} {median:7.0} ns  {:4.1} %", median * 20_000.0 / 1e9 * 100.0);
    }
    Ok(())
}
