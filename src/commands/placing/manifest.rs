//! `scaletop fleet manifest`: what places generators elsewhere, printed.

use std::io::{self, Write as _};

use crate::cli::fleet_place::{Architecture, ManifestArgs, ManifestKind};
use crate::commands::CommandError;
use crate::placing::manifest::Wanted;
use crate::placing::nats::NatsFiles;

use super::{PlaceError, check_allowed, check_reach, ticket};

/// Prints the manifest.
pub(super) fn run(args: &ManifestArgs) -> Result<u8, CommandError> {
    let ticket = ticket(args.ticket.as_deref())?;
    let ManifestKind::K8s = args.kind;
    check_allowed(&ticket, &args.joined.join())?;
    let nats = args.with_nats.as_deref().map(NatsFiles::read).transpose().map_err(PlaceError::from)?;
    let wanted = Wanted {
        name: args.name.clone(),
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        generators: args.generators,
        size: args.size,
        architecture: args.arch.map(|arch| match arch {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        }),
        at_most_secs: args.at_most.as_secs().max(1),
        join: args.joined.join(),
        nats: nats.map(|files| (args.nats_image.clone(), files)),
    };
    if wanted.nats.is_some() {
        let service = wanted.nats_service();
        if !ticket.hosts().iter().any(|host| *host == service || host.starts_with(&format!("{service}."))) {
            return Err(CommandError::Option(format!(
                "the ticket's server is {}, and the one of this manifest will be called {service}: set it up with scaletop fleet serve \
                 --advertise {service} --advertise localhost (the latter for kubectl port-forward), then Ctrl-C",
                ticket.hosts().join(", ")
            )));
        }
    } else {
        check_reach(&ticket, "on Kubernetes")?;
    }
    let mut out = io::stdout().lock();
    out.write_all(wanted.manifest(&ticket).as_bytes())?;
    out.flush()?;
    Ok(0)
}
