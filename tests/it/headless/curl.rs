//! A pasted curl command sends what curl itself sends: the real curl and the real binary, to one service that compares.

use std::process::{Command, Stdio};

use super::typed::Listener;
use crate::support::program::Workplace;
use crate::support::turn;

/// Commands as people have them; `{url}` is the service.
const COMMANDS: [&str; 14] = [
    "curl {url}a?b=c",
    "curl -X DELETE '{url}a/1' -H 'X-Thing: a b'",
    "curl -sS -L \"{url}\" -H \"Accept: application/json\" -A 'agent/1'",
    "curl '{url}' -d a=1 -d 'b=2 3'",
    "curl '{url}' --data-raw '{\"a\":\"@b\"}' -H 'content-type: application/json'",
    "curl --request POST '{url}post' \\\n  --header 'Content-Type: application/json' \\\n  --data '{\n  \"a\": 1\n}'",
    "curl --json '{\"a\":1}' {url}",
    "curl -u 'me:pass word' {url}",
    "curl --oauth2-bearer abc.def -e http://from/ -b 'a=1; b=2' {url}",
    "curl -G {url}search --data-urlencode 'q=a b&c' -d n=5",
    "curl -XPUT {url} --data-binary $'line 1\\nline 2\\u00e9 \\'quoted\\'' -H 'Content-Type:'",
    "curl {url} -d @form.txt --data-urlencode 'name@form.txt'",
    "curl {url} --data-binary @form.txt -H 'Content-Type: text/plain' -H 'X-Empty;'",
    "curl -r 0-99 -H 'User-Agent: b/2' {url}",
];

/// The request line, headers in order of their names, and the body; without what names the program, or the service.
fn normal((head, body): &(String, String)) -> (String, Vec<String>, String) {
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let own = |line: &String| {
        line.starts_with("host:")
            || line == "accept: */*"
            || line.starts_with("user-agent: curl/")
            || line.starts_with("user-agent: scaletop/")
    };
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        format!("{}: {}", name.to_ascii_lowercase(), value.trim())
    };
    let mut headers: Vec<_> = lines.map(header).filter(|line| !own(line)).collect();
    headers.sort();
    (first, headers, body.clone())
}

#[test]
fn what_a_pasted_command_sends_is_what_curl_sends() {
    let has = |program: &str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !has("curl") || !has("bash") {
        println!("skipped: there is no curl, or no bash, to compare with");
        return;
    }
    let _turn = turn();
    let work = Workplace::new();
    std::fs::write(work.path().join("form.txt"), "one\r\ntwo é\n").unwrap();
    for command in COMMANDS {
        let (by_curl, by_us) = (Listener::start(), Listener::start());
        let told = Command::new("bash")
            .args(["-c", &command.replace("{url}", &by_curl.url)])
            .current_dir(work.path())
            .env_remove("http_proxy")
            .env("HOME", work.path())
            .output()
            .unwrap();
        assert!(told.status.success(), "{command}: {told:?}");
        let pasted = command.replace("{url}", &by_us.url);
        let args = ["run", &pasted, "--rate", "5", "--duration", "1s", "--no-preflight"];
        work.run(&args).assert_played();
        assert_eq!(normal(&by_us.one()), normal(&by_curl.one()), "{command}");
    }
}

#[test]
fn a_command_of_words_its_notes_and_its_secrets() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Listener::start());
    let args = [
        "run",
        "--rate",
        "5",
        "--duration",
        "1s",
        "curl",
        "-sL",
        "-H",
        "x-key: hunter2",
        "-d",
        "hunter3",
        &service.url,
    ];
    let ended = work.run(&args);
    ended.assert_played();
    let (head, body) = service.one();
    assert!(
        head.starts_with("POST / HTTP/1.1\r\n") && head.contains("x-key: hunter2\r\n") && body == "hunter3",
        "{head}"
    );
    assert!(ended.stderr.contains("the curl command: redirects are not followed"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hunter") && !ended.stdout.contains("hunter"), "{}", ended.stderr);
    for file in std::fs::read_dir(work.session()).unwrap() {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter"));
    }
    let ended = work.run(&["doctor", &format!("curl -H 'x-key: hunter2' {}", service.url)]);
    assert!(ended.stdout.contains("the service") && !ended.stdout.contains("hunter"), "{}", ended.stdout);
    let ended = work.run(&["run", &format!("curl -F a=hunter2 {}", service.url), "--rate", "5", "--duration", "1s"]);
    ended.assert_code(2);
    assert!(ended.stderr.contains("-F is not done: multipart") && !ended.stderr.contains("hunter"), "{}", ended.stderr);
}
