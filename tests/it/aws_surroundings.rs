//! What stands around the cloud's side: profiles, proxies, wrappers; through the program, as its user meets them.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::program::{Ended, Workplace, service, url};

/// `doctor ARGS` with nothing of the caller's AWS settings, and these.
fn doctor(place: &Workplace, args: &[&str], set: &[(&str, &str)]) -> Ended {
    let mut command = place.command(&[&["doctor"], args].concat());
    for (name, _) in std::env::vars() {
        if name.starts_with("AWS_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").envs(set.iter().copied());
    Ended::of(&command.output().unwrap())
}

#[test]
fn a_profile_with_a_login_session_is_said_to_be_one_with_what_helps() {
    let place = Workplace::new();
    let config = place.path().join("config");
    let profile =
        "[profile console-login]\nregion = eu-west-1\nlogin_session = arn:aws:iam::123456789012:user/someone\n";
    fs::write(&config, profile).unwrap();
    let set = [("AWS_CONFIG_FILE", config.to_str().unwrap())];
    let ended = doctor(&place, &["apprunner:x", "--profile", "console-login"], &set);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("profiles with login_session (`aws login`) are not read"), "{ended:?}");
    assert!(
        ended.stdout.contains("eval \"$(aws configure export-credentials --profile console-login --format env)\""),
        "{ended:?}"
    );
    for wrong in ["cargo feature", "aws sso login"] {
        assert!(!ended.stdout.contains(wrong), "{wrong}: {ended:?}");
    }
}

/// A proxy that refuses: its address, and the lines with which it was asked.
fn refusing_proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (asked, lines) = channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = head.by_ref().take_while(|line| !line.is_empty()).collect();
            if asked.send(head.join("\n")).is_err() {
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (address, lines)
}

#[test]
fn aws_calls_go_through_the_proxy_of_the_environment_but_for_its_exceptions() {
    let place = Workplace::new();
    let (address, lines) = refusing_proxy();
    let proxy = format!("http://user:secret@{address}");
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("HTTPS_PROXY", proxy.as_str())];
    let args = ["apprunner:x", "--region", "eu-west-1"];
    let ended = doctor(&place, &args, &keys);
    let head = lines.recv_timeout(Duration::from_secs(5)).expect("it was asked");
    assert!(head.starts_with("CONNECT apprunner.eu-west-1.amazonaws.com:443 HTTP/1.1"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
    assert!(ended.stdout.contains(&format!("AWS calls go through http://{address}/ (HTTPS_PROXY)")), "{ended:?}");
    assert!(ended.stdout.contains(&format!("check the proxy http://{address}/ (HTTPS_PROXY)")), "{ended:?}");
    assert!(!format!("{ended:?}").contains("secret"), "{ended:?}");
    while lines.try_recv().is_ok() {}
    let except = [&keys[..], &[("NO_PROXY", ".amazonaws.com")]].concat();
    doctor(&place, &args, &except);
    assert!(lines.recv_timeout(Duration::from_millis(200)).is_err(), "NO_PROXY is heard");
}

#[test]
fn the_load_and_endpoints_on_this_machine_go_past_the_proxy() {
    let place = Workplace::new();
    let (address, lines) = refusing_proxy();
    let server = service(Duration::ZERO);
    let proxy = format!("http://{address}");
    let set = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, proxy.as_str()));
    let ended = doctor(&place, &[&url(&server)], &set);
    assert!(ended.stdout.contains("answered 200"), "{ended:?}");
    let ended = doctor(&place, &["demo"], &set);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(lines.try_recv().is_err(), "nobody asked the proxy");
}

#[test]
fn a_proxy_that_cannot_be_used_is_said_not_to_be() {
    let place = Workplace::new();
    let set = [("HTTPS_PROXY", "socks5://user:secret@127.0.0.1:1080")];
    let ended = doctor(&place, &[], &set);
    assert!(ended.stdout.contains("HTTPS_PROXY is set, and not used"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("secret"), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn terraforms_outputs_are_found_among_a_wrappers_lines_and_else_the_line_is_quoted() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Workplace::new();
    let server = service(Duration::ZERO);
    let wrapper = |text: &str| {
        let script = place.path().join("terraform");
        fs::write(&script, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", place.path().display(), std::env::var("PATH").unwrap_or_default());
        doctor(&place, &["terraform:."], &[("PATH", path.as_str())])
    };
    let command = "echo '[command]/opt/tools/terraform-bin output -json'\n";
    let outputs = format!("echo '{{\"service_url\": {{\"value\": \"{}\"}}}}'\n", url(&server));
    let found = wrapper(&format!("{command}{outputs}echo '::debug::Terraform exited with code 0.'\n"));
    assert!(found.stdout.contains(&format!("terraform:. is at {}", url(&server))), "{found:?}");
    assert!(found.stdout.contains("answered 200"), "{found:?}");
    assert_eq!(found.code, 0, "a URL alone needs no region: {found:?}");
    let lost = wrapper(command);
    assert_eq!(lost.code, 1, "{lost:?}");
    for words in ["`[command]/opt/tools/terraform-bin output -json`", "terraform_wrapper: false"] {
        assert!(lost.stdout.contains(words), "{words}: {lost:?}");
    }
    assert!(!lost.stdout.contains("apply"), "{lost:?}");
}
