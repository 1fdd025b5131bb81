//! What parses as a target, and what is said of what does not.

use proptest::prelude::*;

use super::*;

const ARN: &str = "arn:aws:apprunner:eu-west-1:123456789012:service/demo/0123456789abcdef0123456789abcdef";

fn target(text: &str) -> Target {
    text.parse().expect(text)
}

fn message(text: &str) -> String {
    text.parse::<Target>().expect_err(text).to_string()
}

#[test]
fn every_kind_of_target_is_understood() {
    assert_eq!(target("demo"), Target::Demo(None));
    for (given, platform, shown) in [
        ("demo:apprunner", DemoPlatform::AppRunner, "demo:apprunner"),
        ("Demo:App-Runner", DemoPlatform::AppRunner, "demo:apprunner"),
        ("demo:ecs", DemoPlatform::Ecs, "demo:ecs"),
    ] {
        let demo = target(given);
        assert_eq!((demo.clone(), demo.to_string().as_str()), (Target::Demo(Some(platform)), shown));
        assert_eq!(demo.slug(), shown.replace(':', "-"));
    }
    assert!("demo:lambda".parse::<Target>().unwrap_err().to_string().contains("write demo:apprunner, demo:ecs"));
    assert!("demo:8080/x".parse::<Target>().unwrap_err().to_string().contains("no scheme"));
    assert_eq!(
        target(" https://example.com/api/test "),
        Target::Url(Url::parse("https://example.com/api/test").unwrap())
    );
    assert_eq!(target("apprunner:checkout"), Target::AppRunner(AppRunnerName::Name("checkout".to_owned())));
    assert_eq!(
        target("ecs:default/checkout"),
        Target::Ecs(EcsName {
            cluster: "default".to_owned(),
            service: "checkout".to_owned(),
            region: None,
            account: None
        })
    );
    assert_eq!(target("terraform:infra"), Target::Terraform(PathBuf::from("infra")));
}

#[test]
fn an_arn_says_its_region_and_its_kind() {
    let by_kind = target(&format!("apprunner:{ARN}"));
    assert_eq!(by_kind.region(), Some("eu-west-1"));
    assert_eq!(by_kind.slug(), "demo");
    assert_eq!(target(ARN), by_kind);
    let ecs = target("arn:aws:ecs:us-east-1:123456789012:service/default/shop");
    assert_eq!(ecs.region(), Some("us-east-1"));
    assert_eq!(ecs.to_string(), "ecs:default/shop");
}

#[test]
fn a_host_without_a_scheme_is_refused_with_the_likely_url() {
    assert!(message("localhost:8080/x").contains("write http://localhost:8080/x"), "{}", message("localhost:8080/x"));
    assert!(message("example.com").contains("write https://example.com"));
    assert!(message("checkout").contains("apprunner:checkout or ecs:default/checkout"));
    // What is hidden cannot be written down again.
    for (given, tip) in [("me:pw@h/x", "put https:// before it"), ("me:pw@localhost:80", "put http:// before it")] {
        assert!(message(given).ends_with(tip), "{}", message(given));
    }
    assert!(message("h/api?token=x").ends_with("`h/api?…` has no scheme; put https:// before it"));
    for word in ["dmeo", "lvie", "plan", "https://h", "-x", "a b.c", ""] {
        assert_eq!(with_scheme(word), None, "{word}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_would_be_right() {
    for (given, part) in [
        ("", "the target is empty"),
        ("fargate:x", "starts with `fargate:`"),
        ("ftp://example.com", "starts with `ftp:`"),
        ("http://", "empty host"),
        ("http://example.com:0/", "port 0"),
        ("http://example.com:99999/", "invalid port"),
        ("apprunner:", "the name is missing"),
        ("apprunner:a b", "letters, digits"),
        ("apprunner:arn:aws:ecs:r:1:service/a/b", "another AWS service"),
        ("apprunner:arn:aws:apprunner:r:1:autoscalingconfiguration/a", "not one of a service"),
        ("apprunner:arn:aws:apprunner", "six parts"),
        ("ecs:checkout", "the cluster is missing"),
        ("ecs:/checkout", "letters, digits"),
        ("ecs:a/b/c", "letters, digits"),
        ("ecs:arn:aws:ecs:r:1:service/old", "old form"),
        ("terraform:", "names no folder"),
    ] {
        let message = message(given);
        assert!(message.contains(part), "{given:?} gave: {message}");
    }
}

#[test]
fn passwords_and_queries_are_never_shown() {
    let shown = target("https://me:hunter2@example.com/x?token=abc").to_string();
    assert_eq!(shown, "https://example.com/x");
    for given in [
        "https://me:hunter2@exa mple.com/",
        "htps://me:hunter2@example.com",
        "me:hunter2@example.com",
        "https://me:hunter2@example.com:0/",
        "https://example.com/a b?key=hunter2#x",
        "https://me:hun?er2@hunter2@:80/?hunter2",
        "https://hunter2@example.com/%zz",
        "h/api?token=hunter2",
        "localhost?hunter2",
        "example.com/?a=1#hunter2",
        "apprunner:a?hunter2",
        "ecs:a/b?hunter2",
    ] {
        let message = message(given);
        assert!(!message.contains("hunter2"), "{given}: {message}");
        let repeated = hide_secrets_in(&format!("cannot send to `{given}`: it broke"));
        assert!(given.contains(' ') || !repeated.contains("hunter2"), "{repeated}");
    }
    let harmless = "cannot write a@b, no image repo@sha256:12; see 'x?'";
    assert_eq!(hide_secrets_in(harmless), harmless);
}

#[test]
fn what_looks_like_a_scheme_within_a_password_or_a_query_hides_nothing_less() {
    for given in [
        "me:hunter2@a.test/?next=http://b.test/",
        "ecs:me:hunter2@a.test/x?y=2#f/://",
        "me:hunter2://@a.test/",
        "me:x://hunter2@a.test/",
        "http://me:hunter2://@a.test/",
    ] {
        let hidden = hide_secrets_in(given);
        assert!(!hidden.contains("hunter2") && hidden.contains("@a.test/"), "{given}: {hidden}");
        assert_eq!(hide_secrets_in(&hidden), hidden);
    }
}

#[test]
fn what_would_become_something_else_on_its_way_is_refused() {
    let long = format!("http://{}.test/", "a".repeat(64));
    for (given, part) in [
        ("http://a.test/x#part", "never sent"),
        ("http://a.test/100%", "%25"),
        ("http://a.test/?q=%zz", "%25"),
        ("http://a.test/a\\b", "no separator"),
        ("http://a.test/a\nb", "control character"),
        ("http:a.test/", "// is missing"),
        ("http://a..test/", "looked up"),
        (&long, "looked up"),
        ("http://[fe80::1%25eth0]/", "zone"),
    ] {
        let message = message(given);
        assert!(message.contains(part), "{given:?} gave: {message}");
    }
    for fine in ["http://a.test./%41?x=%2f&y=a@b", "http://me:100%@a.test/", "http://[::1]:80/"] {
        assert!(fine.parse::<Target>().is_ok(), "{fine}");
    }
}

#[test]
fn only_what_cannot_leave_the_machine_is_loopback() {
    for (url, expected) in [
        ("http://localhost:1/", true),
        ("http://a.localhost/", true),
        ("http://127.3.2.1/", true),
        ("http://[::1]/", true),
        ("http://[::ffff:127.0.0.1]/", true),
        ("http://127.0.0.1.example.com/", false),
        ("http://localhost.example.com/", false),
        ("http://0.0.0.0/", true),
        ("http://[::]:8080/", true),
        ("http://0.0.0.1/", false),
        ("https://example.com/", false),
    ] {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
    }
}

#[test]
fn a_slug_fits_a_folder_name() {
    assert_eq!(target("https://example.com/x").slug(), "example.com");
    assert_eq!(target("https://[::1]:80/x").slug(), "1");
    assert_eq!(target("terraform:../..").slug(), "terraform");
    assert_eq!(target("ecs:default/shop").slug(), "default-shop");
}

proptest! {
    #[test]
    fn parsing_never_panics_and_what_parses_prints_back_to_itself(text in "(apprunner:|ecs:|terraform:|https?://)?\\PC{0,40}") {
        if let Ok(target) = text.parse::<Target>() {
            let slug = target.slug();
            prop_assert!(!slug.is_empty() && slug.len() <= 40 && !slug.contains('/'));
            let again: Target = target.to_string().parse().expect("what is printed parses");
            prop_assert_eq!(again.to_string(), target.to_string());
        }
    }
}

#[test]
fn a_path_that_would_be_resolved_on_its_way_is_refused() {
    for given in ["http://host/a/../b", "http://host/./a", "http://host/a/%2E%2e/b?x=1", "http://host/.."] {
        let error = parse_url(given).expect_err(given).to_string();
        assert!(error.contains("write the path that is meant"), "{error}");
    }
    for given in ["http://host/a..b/.well-known/x?to=../y", "http://host/...", "http://host"] {
        assert!(parse_url(given).is_ok(), "{given}");
    }
    assert!(path_as_sent("/a/../b").is_err() && path_as_sent("/a/b?c=/../").is_ok());
}
