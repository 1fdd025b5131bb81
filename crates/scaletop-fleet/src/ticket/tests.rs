//! What a ticket says, to whom, and what is said of a wrong one.

use super::*;

fn own() -> Tickets {
    let run = RunId::from_number(0xf1ee7);
    let servers = ["tls://10.0.0.1:4222".to_owned(), "tls://[::1]:4222".to_owned()];
    Tickets::for_own(&run, &servers, &authority(), Keys::generate()).allowing(&["10.0.0.2".to_owned()])
}

fn authority() -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    rcgen::CertificateParams::new(Vec::new()).expect("parameters").self_signed(&key).expect("a certificate").pem()
}

fn steering(words: &str) -> Credentials<'_> {
    Credentials { controller: Some(words), ..Credentials::default() }
}

fn text(text: String) -> Source {
    Source::Text(text)
}

#[test]
fn what_is_written_is_read() {
    let tickets = own();
    let dir = tempfile::tempdir().expect("a folder");
    tickets.write(dir.path()).expect("written");
    let file = |role: Role| Source::File(dir.path().join(role.file_name()));
    let controller = Ticket::read(&file(Role::Controller), false).expect("a ticket");
    assert_eq!(format!("{controller:?}"), format!("{:?}", tickets.controller));
    let generator = JoinTicket::read(&file(Role::Generator)).expect("a ticket");
    assert_eq!(format!("{generator:?}"), format!("{:?}", tickets.generator));
    let observer = Ticket::read(&file(Role::Observer), true).expect("a ticket");
    assert_eq!(observer.role(), Role::Observer);
    // What the controller signs, the generator believes; what an observer signs, it does not.
    let (sign, verify) = (controller.signer(), generator.verifier());
    assert!(verify(b"document", &sign(b"document")));
    assert!(!verify(b"document", &observer.signer()(b"document")));
    assert!(!own().generator.verifier()(b"document", &sign(b"document")), "the generators of another fleet");
}

#[cfg(unix)]
#[test]
fn a_ticket_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("fleet.ticket");
    // Also in place of one that was open.
    std::fs::write(&path, "").expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("opened");
    assert!(is_open_to_others(&path));
    own().controller.write(&path).expect("written");
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(!is_open_to_others(&path));
}

#[test]
fn nothing_printed_shows_a_secret() {
    let tickets = own();
    let Login::Key(key) = &tickets.generator.access.login else { panic!("a key") };
    let seed = key.seed().expect("a seed");
    let printed = format!("{tickets:?}");
    assert!(printed.contains(key.public().as_str()) && !printed.contains(&seed), "{printed}");
    let server = ["tls://user:hunter2@nats.example.com".to_owned()];
    let others = Tickets::for_existing(&server, None, &Credentials::default()).expect("tickets");
    let printed = format!("{others:?} {:?}", others.generator.servers());
    assert!(!printed.contains("hunter2") && printed.contains("nats.example.com"), "{printed}");
}

#[test]
fn a_wrong_ticket_is_refused_with_the_reason_and_no_secret() {
    let tickets = own();
    let good = tickets.generator.to_text().expect("a text");
    let Login::Key(key) = &tickets.generator.access.login else { panic!("a key") };
    let seed = key.seed().expect("a seed");
    let without = |part: &str| {
        let mut parts: serde_json::Value = serde_json::from_str(&good).expect("JSON");
        parts.as_object_mut().expect("an object").remove(part);
        parts.to_string()
    };
    let cases = [
        (String::new(), "it is empty"),
        ("{".to_owned(), "no JSON at line 1"),
        (good[..good.len() - 2].to_owned(), "no JSON"),
        ("[]".to_owned(), "no JSON object"),
        ("{}".to_owned(), "it has no scaletop-fleet-ticket"),
        (good.replace("\"scaletop-fleet-ticket\":1", "\"scaletop-fleet-ticket\":2"), "format 2"),
        (good.replace("\"generator\"", "\"cook\""), "role: it is none of"),
        (
            good.replace("\"generator\"", "\"observer\""),
            "a ticket for observers, and a generator's is needed here: give join.ticket",
        ),
        (good.replace("00000000000f1ee7", "f1ee7"), "run: a run is called"),
        (good.replace("tls://10.0.0.1:4222", "http://10.0.0.1"), "servers: an address begins with"),
        (good.replace(&seed, &seed[..40]), "seed: it is not the seed"),
        (good.replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERT-----"), "ca: it"),
        (good.replace("[\"10.0.0.2\"]", "7"), "allow: it is no list"),
        (without("controller"), "controller: it is missing"),
        (without("servers"), "servers: it is no list"),
        (without("role"), "role: it is missing"),
    ];
    for (wrong, why) in cases {
        let said = JoinTicket::read(&text(wrong.clone())).expect_err(&wrong).to_string();
        assert!(said.contains(why), "{why}: {said}");
        assert!(!said.contains(&seed[..30]), "{said}");
    }
    assert!(JoinTicket::read(&text(good.clone())).is_ok());
    let said = Ticket::read(&text(good), false).expect_err("another role").to_string();
    assert!(said.contains("give fleet.ticket"), "{said}");
    let observer = tickets.observer.expect("one").to_text().expect("a text");
    assert!(Ticket::read(&text(observer.clone()), false).is_err() && Ticket::read(&text(observer), true).is_ok());
}

#[test]
fn a_ticket_comes_from_a_file_standard_input_or_the_variable_and_is_never_typed() {
    use std::path::Path;

    let find = |given: Option<&str>, variable: Option<&str>| Source::find(given.map(Path::new), variable);
    assert_eq!(find(Some("-"), Some("{}")).expect("found"), Source::Stdin);
    assert_eq!(find(Some("a"), Some("{}")).expect("found"), Source::File("a".into()));
    assert_eq!(find(None, Some(" {} ")).expect("found"), Source::Text("{}".to_owned()));
    assert_eq!(find(None, Some("/run/secrets/ticket")).expect("found"), Source::File("/run/secrets/ticket".into()));
    assert!(matches!(find(None, None), Err(TicketError::Missing)));
    assert!(matches!(find(None, Some(" ")), Err(TicketError::Missing)));
    assert!(matches!(find(Some("{\"scaletop-fleet-ticket\":1}"), None), Err(TicketError::Typed)));
}

#[test]
fn credentials_of_an_existing_server_are_checked_and_kept() {
    let server = ["tls://nats.example.com:4222".to_owned()];
    let seed = crate::signing::UserKey::generate().seed().expect("a seed");
    let words = format!(
        "-----BEGIN NATS USER JWT-----\neyJ0eXAi.eyJqdGki.c2ln\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    let tickets = Tickets::for_existing(&server, None, &steering(&words)).expect("tickets");
    assert!(tickets.observer.is_none(), "the controller's rights are not for whoever looks on");
    let looking = Credentials { observer: Some(&words), ..steering(&words) };
    let looks_on = Tickets::for_existing(&server, None, &looking).expect("tickets").observer.expect("a ticket");
    let read = Ticket::read(&text(looks_on.to_text().expect("a text")), true).expect("a ticket");
    assert_eq!((read.role(), read.signer()(b"document")), (Role::Observer, Vec::new()));
    let open = Tickets::for_existing(&server, None, &Credentials::default()).expect("tickets");
    assert!(open.observer.is_some(), "where everybody is let in");
    let controller = Ticket::read(&text(tickets.controller.to_text().expect("a text")), false).expect("a ticket");
    let generator = JoinTicket::read(&text(tickets.generator.to_text().expect("a text"))).expect("a ticket");
    assert!(generator.verifier()(b"document", &controller.signer()(b"document")));
    let printed = format!("{controller:?} {generator:?}");
    assert!(!printed.contains(&seed) && !printed.contains("eyJqdGki"), "{printed}");
    let refused = Tickets::for_existing(&server, None, &steering("no credentials")).expect_err("refused").to_string();
    assert!(refused.contains("credentials file"), "{refused}");
    assert!(Tickets::for_existing(&[], None, &Credentials::default()).is_err());
}
