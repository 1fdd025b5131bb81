//! As whom requests are sent: a token in a file that changes, and signatures of AWS. The real binary.

use super::typed::Listener;
use crate::support::program::{Running, Workplace};
use crate::support::{turn, wait_until};

/// Whether any file of the session holds `secret`.
fn is_recorded(work: &Workplace, secret: &str) -> bool {
    std::fs::read_dir(work.session()).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        String::from_utf8_lossy(&bytes).contains(secret)
    })
}

fn heard(service: &Listener, header: &str) -> bool {
    service.all().last().is_some_and(|(head, _)| head.contains(header))
}

#[cfg(unix)]
#[test]
fn a_token_that_changes_is_sent_the_last_one_goes_on_while_there_is_none_and_it_is_told() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Listener::start());
    let file = work.path().join("token");
    std::fs::write(&file, "hunter1\n").unwrap();
    let args = ["run", &service.url, "--rate", "20", "--duration", "1h", "--bearer-file", "token"];
    let mut running = Running::start(work.command(&args));
    wait_until("the first token is sent", || heard(&service, "authorization: Bearer hunter1\r\n"));
    std::fs::write(work.path().join("new"), "hunter2").unwrap();
    std::fs::rename(work.path().join("new"), &file).unwrap();
    wait_until("the second token is sent", || heard(&service, "authorization: Bearer hunter2\r\n"));
    std::fs::remove_file(&file).unwrap();
    running.wait_for("no bearer token in token");
    let before = service.all().len();
    wait_until("requests go on", || service.all().len() > before + 5);
    assert!(heard(&service, "authorization: Bearer hunter2\r\n"));
    std::fs::write(&file, "hunter3").unwrap();
    running.wait_for("again");
    wait_until("the third token is sent", || heard(&service, "authorization: Bearer hunter3\r\n"));
    running.signal("INT");
    let ended = running.end();
    assert!(!ended.stderr.contains("hunter") && !ended.stdout.contains("hunter"), "{}", ended.stderr);
    assert!(!is_recorded(&work, "hunter"));
    let recording = std::fs::read_to_string(work.session().join("recording.jsonl")).unwrap();
    assert_eq!(recording.matches("no bearer token in token").count(), 1, "told once");
}

#[test]
fn what_says_twice_as_whom_requests_are_sent_or_cannot_be_sent_so_is_refused() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Listener::start());
    std::fs::write(work.path().join("token"), "hunter2\n").unwrap();
    std::fs::write(work.path().join("empty"), "\n").unwrap();
    let in_url = service.url.replace("//", "//me:hunter3@");
    for (target, args, part) in [
        (&service.url, &["--bearer-file", "token", "-u", "a:hunter3"][..], "--bearer-file and --user both say"),
        (
            &service.url,
            &["--bearer-file", "token", "-H", "authorization: hunter3"],
            "--bearer-file and the header authorization",
        ),
        (&in_url, &["--bearer-file", "token"], "--bearer-file and the user in the URL"),
        (&service.url, &["--bearer-file", "token", "--sigv4", "lambda:x-y-1"], "--bearer-file and --sigv4"),
        (&service.url, &["--bearer-file", "empty"], "it is empty"),
        (&service.url, &["--bearer-file", "none"], "cannot use the token in none"),
        (&service.url, &["--bearer-file", "."], "no regular file"),
        (
            &service.url,
            &["--bearer-file", "token", "--transport", "reqwest"],
            "--bearer-file needs scaletop's own connections",
        ),
    ] {
        for check in [&[][..], &["--check"]] {
            let args = [&["run", target, "--rate", "5", "--duration", "1s"], args, check].concat();
            let ended = work.run(&args);
            ended.assert_code(2);
            assert!(ended.stderr.contains(part) && !ended.stderr.contains("hunter"), "{args:?}: {}", ended.stderr);
        }
    }
    // A variable is as good.
    let mut command = work.command(&["run", &service.url, "--rate", "5", "--duration", "1s", "-u", "a:b"]);
    let output = command.env("SCALETOP_BEARER_FILE", "token").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && told.contains("bearer-file is set by SCALETOP_BEARER_FILE"), "{told}");
    assert!(service.all().is_empty(), "nothing was sent");
}

#[cfg(feature = "aws")]
#[test]
fn requests_are_signed_with_the_credentials_of_the_environment_or_of_a_curl_command() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Listener::start());
    let aws = |args: &[&str]| {
        let mut command = work.command(&[&["run", "--rate", "5", "--duration", "1s"], args].concat());
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "none");
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"] {
            command.env_remove(name);
        }
        command.env("AWS_SHARED_CREDENTIALS_FILE", "none");
        command
    };
    let mut command = aws(&[&service.url, "--sigv4", "execute-api:eu-west-1"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2")
        .env("AWS_SESSION_TOKEN", "hunter3");
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
    let (head, _) = service.all().pop().expect("something was sent");
    assert!(head.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{head}");
    assert!(
        head.contains(
            "/eu-west-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
        ),
        "{head}"
    );
    assert!(head.contains("x-amz-security-token: hunter3") && !head.contains("hunter2"), "{head}");
    assert!(!is_recorded(&work, "hunter") && !is_recorded(&work, "AKIDEXAMPLE"));

    let curl = format!("curl --aws-sigv4 aws:amz:us-east-1:es -u AKIDCURL:hunter2 -d a {}", service.url);
    let output = aws(&[&curl]).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
    let (head, _) = service.all().pop().unwrap();
    assert!(head.contains("Credential=AKIDCURL/") && head.contains("/us-east-1/es/aws4_request"), "{head}");
    assert!(head.contains("SignedHeaders=content-type;host;x-amz-date, ") && !head.contains("Basic"), "{head}");

    let sent = service.all().len();
    for (args, code, part) in [
        (&["--sigv4", "lambda:eu-west-1"][..], 1, "no credentials to sign with"),
        (&["--sigv4", "lambda", "-u", "a:b"], 2, "which region is it?"),
        (&["--sigv4", "aws:amz", "-u", "a:b"], 2, "which service is it?"),
        (&["--sigv4", "Lambda"], 2, "names no service"),
    ] {
        let output = aws(&[&[service.url.as_str()], args].concat()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && told.contains(part), "{args:?}: {told}");
    }
    assert_eq!(service.all().len(), sent, "nothing was sent unsigned");
}
