//! What goes to stdout, to stderr and to files.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::program::{Running, Workplace, service, url};

const PLAN: &str = "name = \"two steps\"\n[[stage]]\nname = \"low\"\nrate = 10\nduration = \"2s\"\n\
                    [[stage]]\nname = \"high\"\nrate = 40\nduration = \"2s\"\n[thresholds]\nachieved = \"> 99%\"\n";

#[test]
fn stdout_holds_the_result_alone_in_every_format() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(20)));
    let plan = work.plan(PLAN);
    let begins =
        [("text", "scaletop: http"), ("json", "{"), ("markdown", "## scaletop: two steps"), ("junit", "<?xml")];
    for (format, begin) in begins {
        let out = work.path().join(format);
        let ended = work.run(&["run", &plan, &url(&service), "--format", format, "--out", &out.to_string_lossy()]);
        assert!(matches!(ended.code, 0 | 4), "{ended:?}");
        assert!(ended.stdout.starts_with(begin), "{format}: {}", ended.stdout);
        assert!(!ended.stdout.contains("in flight "), "progress belongs to stderr: {}", ended.stdout);
        let progress = ended.stderr.lines().filter(|line| line.contains("in flight")).count();
        assert_eq!(progress, 1, "a line at once, then one every ten seconds: {}", ended.stderr);
        assert!(!ended.stderr.contains('\r'), "a log is not rewritten: {}", ended.stderr);
        assert!(ended.stderr.contains("high: 40/s"), "{}", ended.stderr);
        match format {
            "json" => {
                let result: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
                assert_eq!(result["totals"]["due"], 100, "{result}");
                assert_eq!(result["verdict"]["exit_code"], ended.code);
            }
            "junit" => assert!(ended.stdout.contains("<testcase classname=\"two steps\" name=\"achieved &gt; 99%\"")),
            "text" => assert!(ended.stdout.contains("files: "), "{}", ended.stdout),
            _ => assert!(ended.stdout.contains("| achieved | &gt; 99% |"), "{}", ended.stdout),
        }
    }
}

#[test]
fn a_pipelines_summary_gets_the_markdown() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(20)));
    let plan = work.plan(PLAN);
    let page = work.path().join("summary.md");
    std::fs::write(&page, "# before\n").unwrap();
    let output = work.command(&["run", &plan, &url(&service)]).env("GITHUB_STEP_SUMMARY", &page).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.starts_with("# before\n## scaletop: two steps"), "{text}");
}

#[test]
fn a_check_says_what_would_be_done_and_does_nothing() {
    let work = Workplace::new();
    let ended = work.run(&["run", "--check", &work.plan(PLAN), "http://127.0.0.1:1/", "--stretch", "2"]);
    ended.assert_code(0);
    assert!(ended.stdout.contains("200 requests, 40/s at the peak"), "{}", ended.stdout);
    assert!(ended.stdout.contains("must hold: achieved > 99%"), "{}", ended.stdout);
    assert!(!work.path().join("scaletop-sessions").exists());
}

#[test]
fn what_is_typed_wins_over_the_environment_and_that_over_the_file() {
    let work = Workplace::new();
    std::fs::write(work.path().join("scaletop.toml"), "stretch = 4\nmax-rate = 50\n").unwrap();
    let plan = work.plan(PLAN);
    let requests = |args: &[&str], variable: Option<&str>| {
        let args = [&["run", "--check", &plan, "http://127.0.0.1:1/"], args].concat();
        let output = work.command(&args).envs(variable.map(|value| ("SCALETOP_STRETCH", value))).output().unwrap();
        String::from_utf8_lossy(&output.stdout)
            .split(" requests,")
            .next()
            .unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(requests(&[], None), "400");
    assert_eq!(requests(&[], Some("3")), "300");
    assert_eq!(requests(&["--stretch=2"], Some("3")), "200");
}

#[test]
fn a_session_becomes_a_plan_that_drives_the_same() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(20)));
    work.run(&["run", &work.plan(PLAN), &url(&service)]);
    let plan = work.path().join("again.toml");
    let session = work.session();
    let ended = work.run(&["report", &session.to_string_lossy(), "--plan", &plan.to_string_lossy()]);
    ended.assert_code(0);
    let first = due(&session);
    let again = work.path().join("again");
    work.run(&["run", &plan.to_string_lossy(), "--out", &again.to_string_lossy()]);
    assert_eq!(due(&again), first, "arrivals per second, from the first second with any");
}

/// The column `due` of the session's timeline, without the empty seconds around.
fn due(session: &std::path::Path) -> Vec<u64> {
    let text = std::fs::read_to_string(session.join("cohorts.csv")).unwrap();
    let mut lines = text.lines();
    let column = lines.next().unwrap().split(',').position(|name| name == "due").unwrap();
    let due: Vec<u64> = lines.map(|line| line.split(',').nth(column).unwrap().parse().unwrap_or(0)).collect();
    let first = due.iter().position(|n| *n > 0).unwrap();
    let last = due.iter().rposition(|n| *n > 0).unwrap();
    due[first..=last].to_vec()
}

#[test]
fn the_live_numbers_can_be_scraped_while_it_runs() {
    let (work, service) = (Workplace::new(), service(Duration::from_millis(20)));
    let plan = work.plan("[[stage]]\nrate = 20\nduration = \"1h\"\n");
    let mut running = Running::start(work.command(&["run", &plan, &url(&service), "--metrics", "127.0.0.1:0"]));
    let said = running.wait_for("metrics: http://");
    let address = said.split("http://").nth(1).unwrap().trim_end_matches("/metrics").to_owned();
    running.wait_for("in flight");
    let scrape = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let sent = page.lines().find_map(|line| line.strip_prefix("scaletop_requests_sent_total ")).unwrap();
        (sent.parse::<f64>().unwrap(), page)
    };
    // The first second may have begun late: 20 are sent by the end of the one after.
    let page = (0..600).find_map(|_| {
        std::thread::park_timeout(Duration::from_millis(100));
        let (sent, page) = scrape();
        (sent >= 20.0).then_some(page)
    });
    let page = page.expect("20 requests are sent within a minute");
    assert!(page.contains("scaletop_target_rate 20\n"), "{page}");
    #[cfg(unix)]
    {
        running.signal("INT");
        running.end().assert_code(130);
    }
}
