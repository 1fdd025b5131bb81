//! The words of nats-server's configuration (docs.nats.io, "Configuration").

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::ticket::{Role, Tickets};

/// What the server needs to know.
pub(super) struct Setup<'a> {
    pub(super) address: SocketAddr,
    pub(super) folder: &'a Path,
    /// The public keys of the roles.
    pub(super) users: [(Role, String); 3],
    pub(super) tickets: &'a Tickets,
}

/// The configuration. It holds no secret: keys are public halves, the certificate's key is a file of its own.
pub(super) fn text(setup: &Setup<'_>) -> String {
    let run = setup.tickets.controller.run();
    let file = |name: &str| quoted(&setup.folder.join(name).display().to_string());
    let mut users = String::new();
    for (role, key) in &setup.users {
        let (publish, subscribe) = permissions(*role, run.as_str());
        let (publish, subscribe) = (list(&publish), list(&subscribe));
        let _ = writeln!(
            users,
            "    # {role}\n    {{ nkey: {key}, permissions: {{ publish: {{ allow: [{publish}] }}, subscribe: {{ allow: [{subscribe}] }} }} }}"
        );
    }
    format!(
        "# Written by scaletop fleet serve; written anew at its next start.\n\
         server_name: \"scaletop-{run}\"\n\
         listen: \"{address}\"\n\
         # A client that is gone is noticed within seconds, and one that is slow does not hold the others up.\n\
         ping_interval: \"1s\"\n\
         ping_max: 3\n\
         write_deadline: \"2s\"\n\
         log_file: {log}\n\
         logfile_size_limit: 10MB\n\
         jetstream {{\n  store_dir: {store}\n  max_memory_store: 64MB\n  max_file_store: 4GB\n}}\n\
         tls {{\n  cert_file: {certificate}\n  key_file: {key}\n  timeout: 5\n}}\n\
         authorization {{\n  timeout: 5\n  users: [\n{users}  ]\n}}\n",
        address = setup.address,
        log = file("nats-server.log"),
        store = file("store"),
        certificate = file("server.pem"),
        key = file("server.key"),
    )
}

/// What a role may say, and what it may hear.
fn permissions(role: Role, run: &str) -> (Vec<String>, Vec<String>) {
    let inbox = format!("{}.>", role.inbox());
    let of_run = |rest: &str| format!("st.{run}.{rest}");
    match role {
        Role::Controller => (
            vec![of_run(">"), "$JS.API.>".into(), "$JS.ACK.>".into(), "$KV.>".into(), "_INBOX.>".into()],
            vec![of_run(">"), inbox],
        ),
        // A receipt of the stream needs no right of its own: the server itself sends it.
        Role::Generator => (
            ["hello", "beat.*", "schedule.get", "sec.*.*"].map(of_run).into(),
            vec![of_run("schedule"), of_run("order.*"), inbox],
        ),
        // No consumer: one could have what is stored delivered to a subject on which others listen for commands.
        Role::Observer => (
            ["$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>"]
                .map(str::to_owned)
                .into(),
            // Not what generators say hello with: they tell a new controller the request, and in that there may be secrets.
            ["beat.*", "schedule", "sec.*.*", "rec.*"].map(of_run).into_iter().chain([inbox]).collect(),
        ),
    }
}

fn list(subjects: &[String]) -> String {
    subjects.iter().map(|subject| quoted(subject)).collect::<Vec<_>>().join(", ")
}

/// A text in the configuration's quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
