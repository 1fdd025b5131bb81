//! Several requests in one load: what reaches the service, and what is told of each by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::support::program::{Ended, Workplace};

const REQUESTS: &str = r#"
[[request]]
name = "search"
weight = 3
path = "/search?q={{csv.word}}"

[[request]]
name = "order"
method = "POST"
path = "/orders/{{n}}"
headers = { x-row = "{{csv.word|url}}" }
body = '{"n": {{n}}, "word": "{{csv.word|json}}", "id": "{{uuid}}"}'

[[request]]
name = "gone"
path = "/gone"
"#;

const PLAN: &str = "[target]\nrequests = \"shop.toml\"\nrequests-data = \"words.csv\"\n[[stage]]\nname = \"steady\"\nrate = 40\nduration = \"5s\"\n";

/// What the service saw of a request: method, path, the header `x-row`, the body.
type Seen = (String, String, Option<String>, String);

/// A service that knows all paths but `/gone`, and what it saw.
fn service() -> (String, Arc<Mutex<Vec<Seen>>>) {
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.server_addr());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    // Ends with the test program.
    std::thread::spawn(move || {
        for mut request in server.incoming_requests() {
            let mut body = String::new();
            let _ = request.as_reader().read_to_string(&mut body);
            let row = request.headers().iter().find(|header| header.field.equiv("x-row"));
            let row = row.map(|header| header.value.to_string());
            let (method, path) = (request.method().to_string(), request.url().to_owned());
            let status = if path == "/gone" { 404 } else { 200 };
            log.lock().unwrap().push((method, path, row, body));
            let _ = request.respond(tiny_http::Response::from_string("ok").with_status_code(status));
        }
    });
    (url, seen)
}

fn shop(work: &Workplace, thresholds: &str) -> String {
    std::fs::write(work.path().join("shop.toml"), REQUESTS).unwrap();
    std::fs::write(work.path().join("words.csv"), "word\ntea pot\n\"say \"\"hi\"\"\"\n").unwrap();
    work.plan(&format!("{PLAN}{thresholds}"))
}

fn play(work: &Workplace, plan: &str, url: &str, seed: &str) -> Ended {
    let _ = std::fs::remove_dir_all(work.path().join("out"));
    work.run_valid(&["run", plan, url, "--no-preflight", "--load-seed", seed, "--out", "out"])
}

#[test]
fn each_arrival_sends_its_request_with_its_values_and_the_same_seed_the_same() {
    let work = Workplace::new();
    let plan = shop(&work, "");
    let (url, seen) = service();
    let mut runs = Vec::new();
    for seed in ["5", "5", "6"] {
        play(&work, &plan, &url, seed);
        let mut run = std::mem::take(&mut *seen.lock().unwrap());
        run.sort();
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1], "the same seed");
    assert_ne!(runs[0], runs[2], "another one");
    let orders: Vec<_> = runs[0].iter().filter(|(method, ..)| method == "POST").collect();
    assert!(orders.len() > 15, "{orders:?}");
    for (_, path, row, body) in orders {
        let number: u64 = path.strip_prefix("/orders/").unwrap().parse().unwrap();
        let body: serde_json::Value = serde_json::from_str(body).expect(body);
        let expected = if number % 2 == 1 { "tea pot" } else { "say \"hi\"" };
        assert_eq!((body["n"].as_u64(), body["word"].as_str()), (Some(number), Some(expected)));
        let encoded = if number % 2 == 1 { "tea%20pot" } else { "say%20%22hi%22" };
        assert_eq!(row.as_deref(), Some(encoded));
    }
    assert!(runs[0].iter().any(|(_, path, ..)| path == "/search?q=say%20%22hi%22"), "{:?}", runs[0]);
}

#[test]
fn what_is_told_of_each_adds_up_to_what_is_told_of_all() {
    let work = Workplace::new();
    let plan = shop(&work, "[thresholds]\n\"search.p99\" = \"< 5s\"\n\"gone.errors\" = \"< 1%\"\n");
    let (url, _) = service();
    let ended = play(&work, &plan, &url, "5");
    ended.assert_code(3);
    assert!(ended.stdout.contains("threshold: passed search.p99 < 5s"), "{}", ended.stdout);
    assert!(ended.stdout.contains("threshold: FAILED gone.errors < 1%: 100 %"), "{}", ended.stdout);
    assert!(ended.stdout.contains("request order: "), "{}", ended.stdout);

    let read = |name: &str| std::fs::read_to_string(work.path().join("out").join(name)).unwrap();
    let rows = |name: &str| {
        let text = read(name);
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let header = lines.next().unwrap();
        lines.map(|row| header.iter().cloned().zip(row).collect::<BTreeMap<_, _>>()).collect::<Vec<_>>()
    };
    let sums = |name: &str| {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows(name) {
            for column in ["due", "sent", "completed", "ok"] {
                *sums.entry(format!("{} {column}", row["elapsed_s"])).or_default() +=
                    row[column].parse::<u64>().unwrap();
            }
        }
        sums.into_iter().filter(|(_, sum)| *sum > 0).collect::<Vec<_>>()
    };
    assert_eq!(sums("requests.csv"), sums("timeline.csv"));

    let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).unwrap();
    let requests = summary["requests"].as_array().unwrap();
    let names: Vec<_> = requests.iter().map(|request| request["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "order", "gone"], "as they were written");
    for key in ["due", "sent", "ok", "failed"] {
        let sum: u64 = requests.iter().map(|request| request[key].as_u64().unwrap()).sum();
        assert_eq!(Some(sum), summary["totals"][key].as_u64(), "{key}");
    }
    let page = read("report.html");
    assert!(page.contains("Requests, by name") && page.contains(">order<"), "the page has them, too");
    for secret in ["say", "tea%20pot"] {
        assert!(!read("recording.jsonl").contains(secret), "what is sent is written nowhere");
    }
}

#[test]
fn what_would_do_nothing_or_cannot_be_understood_is_refused_before_anything_is_sent() {
    let work = Workplace::new();
    let plan = shop(&work, "[thresholds]\n\"shearch.p99\" = \"< 5s\"\n");
    let (url, seen) = service();
    let run = |args: &[&str]| {
        let ended = work.run(&[&["run"], args].concat());
        ended.assert_code(2);
        ended.stderr
    };
    let said = run(&[&plan, &url]);
    assert!(
        said.contains("line 9: threshold `shearch.p99`") && said.contains("the requests search, order, gone"),
        "{said}"
    );
    let timed = ["--rate", "5", "--duration", "2s"];
    for (args, says) in [
        (&["--requests", "shop.toml"][..], "`{{csv.word}}` is a column of data"),
        (&["--requests", "shop.toml", "--data", "words.csv", "--path", "/x"], "cannot be used with"),
        (&["--requests", "missing.toml"], "cannot read missing.toml"),
        (&["--requests", "200"], "a number of requests is a rate for a time"),
        (&["--requests-data", "words.csv"], "neither --requests nor the plan"),
        (
            &["--requests", "shop.toml", "--data", "words.csv", "--transport", "reqwest"],
            "reqwest sends the same request",
        ),
    ] {
        let said = run(&[&[&url[..]], &timed[..], args].concat());
        assert!(said.contains(says), "{args:?}: {said}");
    }
    assert!(seen.lock().unwrap().is_empty(), "nothing was sent");
}

#[test]
fn of_one_request_and_several_the_nearer_is_sent_and_of_two_that_were_typed_none() {
    let work = Workplace::new();
    shop(&work, "");
    let (url, seen) = service();
    let timed = ["run", "--rate", "4", "--duration", "1s", "--no-preflight"];
    let curl = format!("curl -X PUT {url}/put");
    // A variable is less near than what was typed.
    for (words, sent) in [
        (&[&url[..], "--path", "/x"][..], ("GET", "/x")),
        (&[&url, "-X", "PUT"], ("PUT", "/")),
        (&[&curl], ("PUT", "/put")),
    ] {
        let args = [&timed[..], words].concat();
        let ended = Ended::of(&work.command(&args).env("SCALETOP_REQUESTS", "shop.toml").output().unwrap());
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let is_it = |(method, path, ..): &Seen| (&method[..], &path[..]) == sent;
        assert!(seen.len() == 4 && seen.iter().all(is_it), "{words:?}: {seen:?} {}", ended.stderr);
    }
    let requests = ["--requests", "shop.toml", "--data", "words.csv"];
    let ended = work.run(&[&timed[..], &[&curl], &requests].concat());
    assert!(ended.code == 2 && ended.stderr.contains("a curl command is one request"), "{ended:?}");
    let ended = work.run(&[&timed[..], &[&url, "--path", "/x"], &requests].concat());
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(seen.lock().unwrap().is_empty(), "nothing was sent");
}
