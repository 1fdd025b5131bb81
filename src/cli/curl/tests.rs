//! What a curl command becomes, and what goes before it.

use super::*;
use crate::cli::Command as Chosen;
use crate::cli::environment::{Surroundings, Understood, grammar, parse};

fn understood(words: &[&str]) -> Result<Understood, String> {
    with(words, &[])
}

fn with(words: &[&str], variables: &[(&str, &str)]) -> Result<Understood, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
    let around = Surroundings { variables, ..Surroundings::default() };
    let words = std::iter::once("scaletop").chain(words.iter().copied()).map(OsString::from).collect();
    parse(words, &around).map_err(|refused| refused.text)
}

/// The target and what is sent to it.
fn sent(words: &[&str]) -> (String, RequestArgs) {
    of(understood(words).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

fn of(understood: Understood) -> (String, RequestArgs) {
    let url = |target: &crate::target::Target| match target {
        crate::target::Target::Url(url) => url.to_string(),
        other => other.to_string(),
    };
    match understood.cli.command {
        Chosen::Live(live) => (url(&live.targets[0]), live.drive.request),
        Chosen::Run(run) => (run.first.unwrap_or_default(), run.drive.request),
        Chosen::Capacity(capacity) => (url(&capacity.target), capacity.drive.request),
        Chosen::Doctor(doctor) => (doctor.target.as_ref().map(url).unwrap_or_default(), doctor.request),
        other => panic!("another command: {other:?}"),
    }
}

fn body(request: &RequestArgs) -> String {
    String::from_utf8(request.pasted_body.clone().unwrap_or_default().to_vec()).unwrap()
}

#[test]
fn a_command_in_quotes_as_words_and_alone_is_a_target_of_every_command_that_sends() {
    for words in [
        &["live", "curl -H 'a: b' https://h/x"][..],
        &["curl -H 'a: b' https://h/x"],
        &["curl", "-H", "a: b", "https://h/x"],
        &["live", "curl", "-Ha: b", "https://h/x"],
        &["live", "--rate", "5", "curl", "https://h/x", "--header", "a: b"],
        &["live", "$ curl -H 'a: b' \\\n https://h/x\n", "--rate", "5"],
        &["doctor", "curl -H 'a: b' https://h/x"],
        &["capacity", "curl -H 'a: b' https://h/x"],
        &["run", "curl -H 'a: b' https://h/x", "--rate", "5", "--duration", "5s"],
        &["live", "curl ^\"https://h/x^\" ^\r\n -H ^\"a: b^\""],
        &["live", "--", "curl -H 'a: b' https://h/x"],
    ] {
        let (target, request) = sent(words);
        assert_eq!((target.as_str(), &request.headers[..]), ("https://h/x", &["a: b".to_owned()][..]), "{words:?}");
        assert_eq!((request.method.as_deref(), request.pasted_body), (Some("GET"), None), "{words:?}");
    }
    // A value of an option, a file of that name.
    let (_, request) = sent(&["live", "https://h", "-d", "curl x"]);
    assert_eq!(request.body.as_deref(), Some("curl x"));
    let grammar = grammar();
    assert!(position(&["scaletop", "run", "curl"].map(OsString::from), grammar).is_none());
    let words = ["scaletop", "run", "-d", "curl x", "curl y"].map(OsString::from);
    assert_eq!(position(&words, grammar).map(|(at, _)| at), Some(4));
}

#[test]
fn options_mean_what_curl_means_by_them() {
    let (url, request) = sent(&[
        "live",
        "curl -XPUT -sSLk -m2.5 -A me -u a:b 'https://h/p?q#f' --compressed -e 'r;auto' -b 'c=d' -r 0-9",
    ]);
    assert_eq!((url.as_str(), request.method.as_deref()), ("https://h/p?q", Some("PUT")));
    assert_eq!((request.user.as_deref(), request.user_agent.as_deref()), (Some("a:b"), Some("me")));
    assert_eq!((request.timeout.as_millis(), request.insecure), (2_500, true));
    assert_eq!(
        request.headers,
        ["accept-encoding: deflate, gzip, br, zstd", "referer: r", "cookie: c=d", "range: bytes=0-9"]
    );
    let (_, request) = sent(&["live", "curl h/ -d a=1 --data-raw @x --data-urlencode 'n=a b&' --data-urlencode é"]);
    assert_eq!(body(&request), "a=1&@x&n=a+b%26&%C3%A9");
    assert_eq!(request.method.as_deref(), Some("POST"));
    assert_eq!(request.headers, ["content-type: application/x-www-form-urlencoded"]);
    let (url, request) = sent(&["live", "curl -G localhost:8080 -d a=1 --data-urlencode 'b= '"]);
    assert_eq!((url.as_str(), request.method.as_deref()), ("http://localhost:8080/?a=1&b=+", Some("GET")));
    assert!(request.headers.is_empty() && request.pasted_body.is_none());
    let (url, _) = sent(&["live", r"curl 'https://[::1]:8080/x?a\[\]=\{1\}'"]);
    assert_eq!(url, "https://[::1]:8080/x?a[]={1}", "as browsers write them");
    let (_, request) = sent(&["live", "curl --json '{\"a\":1' --json '}' h/ -H 'accept: x'"]);
    assert_eq!(
        (body(&request).as_str(), &request.headers[..]),
        ("{\"a\":1}", &["accept: x".to_owned(), "content-type: application/json".to_owned()][..])
    );
    let (_, request) =
        sent(&["live", "curl -I h/ -H 'x;' -H 'Content-Length: 5' --oauth2-bearer t --http2 -H 'connection: close'"]);
    assert_eq!((request.method.as_deref(), request.http2), (Some("HEAD"), true));
    assert_eq!(request.headers, ["x:", "authorization: Bearer t"]);
    let (_, request) = sent(&["live", "curl -d '' -H 'Content-Type:' -k --resolve h:80:127.0.0.1 http://h/"]);
    assert_eq!((request.pasted_body.as_deref(), request.headers.len()), (Some(&b""[..]), 0));
    assert_eq!((request.resolve.len(), request.insecure), (1, false), "there is no certificate on plain HTTP");
    let (_, request) = sent(&["live", "curl --aws-sigv4 aws:amz:eu-west-1:execute-api -u ID:KEY https://h/"]);
    let sigv4 = request.sigv4.unwrap();
    assert_eq!((sigv4.service.as_deref(), sigv4.region.as_deref()), (Some("execute-api"), Some("eu-west-1")));
    assert_eq!(request.user.as_deref(), Some("ID:KEY"));
}

#[test]
fn data_in_files_is_read_as_curl_reads_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("data");
    std::fs::write(&file, b"a\r\nb\n\xff").unwrap();
    let of = |option: &str| {
        let command = format!("curl h/ {option} @{}", file.display());
        sent(&["live", &command]).1.pasted_body.unwrap().to_vec()
    };
    assert_eq!(of("-d"), b"ab\xff");
    assert_eq!(of("--data-binary"), b"a\r\nb\n\xff");
    assert_eq!(of("--json"), b"a\r\nb\n\xff");
    let (_, request) = sent(&["live", &format!("curl h/ --data-urlencode n@{}", file.display())]);
    assert_eq!(body(&request), "n=a%0D%0Ab%0A%FF");
    let error = understood(&["live", "curl h/ -d @/does/not/exist"]).unwrap_err();
    assert!(error.contains("cannot read the data in /does/not/exist"), "{error}");
}

#[test]
fn what_is_typed_beside_it_goes_before_it_and_it_goes_before_variables() {
    let curl = "curl -X PUT -H 'a: 1' -H 'b: 1' -u c:d -m 3 -d x https://h/p";
    let (_, request) = sent(&["live", curl, "-X", "POST", "-H", "A: 2", "--timeout", "9s", "--body", "y"]);
    assert_eq!(
        (request.method.as_deref(), request.body.as_deref(), &request.pasted_body),
        (Some("POST"), Some("y"), &None)
    );
    assert_eq!(request.headers, ["b: 1", "content-type: application/x-www-form-urlencoded", "A: 2"]);
    assert_eq!(request.timeout.as_secs(), 9);
    let words = |typed: &[&'static str]| ["live", curl].into_iter().chain(typed.iter().copied()).collect::<Vec<_>>();
    for (typed, user) in [(&["-u", "e:f"][..], Some("e:f")), (&["-H", "authorization: x"], None)] {
        assert_eq!(sent(&words(typed)).1.user.as_deref(), user, "{typed:?}");
    }
    // A token or a signature beside a secret of the command's is none of both.
    for typed in [&["--bearer-file", "f"][..], &["--sigv4", "lambda"]] {
        let refused = with(&words(typed), &[]).err();
        assert!(refused.is_some_and(|text| text.contains("which secret was meant is not guessed")), "{typed:?}");
    }
    let variables = [
        ("SCALETOP_METHOD", "POST"),
        ("SCALETOP_BODY", "z"),
        ("SCALETOP_PATH", "/z"),
        ("SCALETOP_USER", "y:z"),
        ("SCALETOP_TIMEOUT", "1s"),
        ("SCALETOP_TARGET", "http://z"),
    ];
    let (url, request) = of(with(&["live", curl], &variables).unwrap());
    assert_eq!((url.as_str(), request.path.as_deref(), request.method.as_deref()), ("https://h/p", None, Some("PUT")));
    assert_eq!((request.body.as_deref(), body(&request).as_str()), (None, "x"));
    assert_eq!((request.user.as_deref(), request.timeout.as_secs()), (Some("c:d"), 3));
    let (_, request) = of(with(&["live", "curl https://h/p"], &variables).unwrap());
    assert_eq!((request.method.as_deref(), request.body), (Some("GET"), None), "it has no body");
}

#[test]
fn what_is_not_done_is_refused_or_noted_and_no_value_is_repeated() {
    for (curl, part) in [
        ("curl -F a=hunter2 h/", "multipart"),
        ("curl -x hunter2 h/", "no proxy"),
        ("curl -b hunter2 h/", "a file of cookies"),
        ("curl --hunter hunter2 h/", "--hunter is no option of curl"),
        ("curl -Q hunter2 h/", "-Q is no option of curl"),
        ("curl h/ hunter2", "two URLs"),
        ("curl -H", "a value is missing behind -H"),
        ("curl -s -H 'a: hunter2'", "names no URL"),
        ("curl h/ --next hunter2", "another request"),
        ("curl -H 'a: hunter2", "is not closed"),
        ("curl -H 'hunter2' h/", "--header"),
        ("curl 'h/{a,hunter2}'", "several URLs"),
        ("curl h/ --rate hunter2", "options of scaletop stand before"),
        ("curl -m hunter2 h/", "--timeout"),
    ] {
        let told = understood(&["live", curl]).expect_err(curl);
        assert!(told.contains(part), "{curl}: {told}");
        assert!(!told.contains("hunter2") || part == "--timeout", "{curl}: {told}");
    }
    let told = understood(&["replay", "curl h/"]).unwrap_err();
    assert!(told.contains("replay sends no request"), "{told}");
    let told = understood(&["live", "curl h/", "curl h/"]).unwrap_err();
    assert!(told.contains("there are two"), "{told}");
    let notes = understood(&["live", "curl -sS -L -o f --location --connect-timeout 2 h/"]).unwrap().notes;
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("redirects are not followed") && notes[2].contains("-s, -S, -o"), "{notes:?}");
}
