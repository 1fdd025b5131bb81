//! One target of a session: where its load goes, with which request, and what is written down of that.

use url::Url;

#[cfg(feature = "fleet")]
use crate::cli::CloudArgs;
use crate::cli::{DriveArgs, LoadArgs, TransportKind};
use crate::commands::authority::Authority;
use crate::commands::destination::Destination;
use crate::commands::drive::{max_in_flight, slo};
use crate::commands::request::{join, request_options};
use crate::commands::sending::{engine, sendable};
use crate::commands::{CommandError, preflight};
use crate::consent;
use crate::plan::Plan;
use crate::session::event::{FleetSettings, Settings};
use crate::target::{Target, without_secrets};
use clap::ValueEnum as _;
use scaletop_cluster::ClusterArgs;
use scaletop_load::{Expected, HttpFactory, Mix, Prepared, RequestOptions};
use scaletop_units::{ArrivalRate, RunClock};

/// What all targets of a session have in common.
pub(super) struct Common<'a> {
    pub(super) drive: &'a DriveArgs,
    pub(super) plan: Option<&'a Plan>,
    /// How many there are.
    pub(super) targets: usize,
    pub(super) seed: u64,
}

/// One target.
pub(super) struct Aim {
    pub(super) settings: Settings,
    pub(super) destination: Destination,
    /// Whether the load leaves this machine.
    pub(super) is_elsewhere: bool,
    /// What is wrong by the one request beforehand.
    pub(super) warning: Option<String>,
    /// As whom requests are sent.
    pub(super) authority: Authority,
    url: Url,
    request: RequestOptions,
    factory: HttpFactory,
    is_demo: bool,
}

/// Refuses options that name one place when there are two of them to be.
pub(super) fn check_places(targets: &[Target], drive: &DriveArgs, cluster: &ClusterArgs) -> Result<(), CommandError> {
    let demos = targets.iter().filter(|target| matches!(target, Target::Demo(_))).count();
    if demos > 1 && cluster.cluster_port.is_some_and(|port| port > 0) {
        let why = "--cluster-port names one port, and two demos need one each: leave it out";
        return Err(CommandError::Option(why.to_owned()));
    }
    let is_looked_up = |target: &&Target| !matches!(target, Target::Demo(_) | Target::Url(_));
    if drive.cloud.url.is_some() && targets.iter().filter(is_looked_up).count() > 1 {
        let why = "--url says where one service answers, and there are two: leave it out, or give one of them by its URL alone";
        return Err(CommandError::Option(why.to_owned()));
    }
    Ok(())
}

impl Aim {
    /// Finds the target, and refuses what cannot be sent there: before anybody is asked, or anything is left behind.
    pub(super) async fn find(
        common: &Common<'_>,
        target: &Target,
        cluster: &ClusterArgs,
        clock: RunClock,
    ) -> Result<Self, CommandError> {
        let drive = common.drive;
        let destination = Destination::find(target, cluster, &drive.cloud, clock).await?;
        let url = join(destination.url.clone(), drive.request.path.as_deref());
        let mut request = request_options(&drive.request, url.clone(), common.seed)?;
        sendable(drive, &request)?;
        // It may have to be asked for.
        let authority = Authority::of(&drive.request, &drive.cloud, &mut request, clock).await?;
        let factory = sendable(drive, &request)?;
        Ok(Self {
            settings: settings(common, target, &url, &request),
            destination,
            is_elsewhere: consent::is_elsewhere(&url, &request.resolve),
            warning: None,
            authority,
            url,
            request,
            factory,
            is_demo: matches!(target, Target::Demo(_)),
        })
    }

    /// The target of a session that goes on, to which generators send this already.
    #[cfg(feature = "fleet")]
    pub(super) async fn again(
        settings: &Settings,
        target: &Target,
        request: RequestOptions,
        cloud: &CloudArgs,
        clock: RunClock,
    ) -> Result<Self, CommandError> {
        let url = request.url.clone();
        Ok(Self {
            settings: settings.clone(),
            destination: Destination::find(target, &ClusterArgs::default(), cloud, clock).await?,
            is_elsewhere: consent::is_elsewhere(&url, &request.resolve),
            warning: None,
            authority: Authority::Written,
            factory: HttpFactory::new(&request)?,
            url,
            request,
            is_demo: target.is_demo(),
        })
    }

    /// What is sent.
    #[cfg(feature = "fleet")]
    pub(super) const fn request(&self) -> &RequestOptions {
        &self.request
    }

    /// The host that the load goes to.
    #[cfg(feature = "fleet")]
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// What is allowed and rarely meant: a body that says nothing of its type.
    pub(super) fn hint(&self) -> Option<&'static str> {
        let is_untyped = self.request.body.is_some() && !self.request.headers.contains_key(http::header::CONTENT_TYPE);
        is_untyped.then_some(
            "note: the body has no content-type; many services want one: -H 'content-type: application/json'",
        )
    }

    /// A fleet of generators sends to it: each has the cap to itself.
    pub(super) fn by_fleet(&mut self, load: &LoadArgs, fleet: &FleetSettings) {
        let each = load.max_in_flight.unwrap_or(Settings::default().max_in_flight);
        let all = each.saturating_mul(fleet.wanted.into());
        let settings = &mut self.settings;
        (settings.max_in_flight, settings.capped_by_descriptors, settings.max_connections) = (all, false, Some(all));
        settings.fleet = Some(fleet.clone());
    }

    /// Makes sure that the user wants load there.
    pub(super) fn ask_the_user(&self) -> Result<(), CommandError> {
        Ok(consent::ensure(&self.url, &self.request.resolve, consent::memory().as_deref())?)
    }

    /// Asks the service once, as the load of `peak` will, and notes what that shows. What it complains of is returned, too.
    pub(super) async fn ask_once(&mut self, expect: Expected, peak: ArrivalRate, clock: RunClock) -> Option<String> {
        // The demo's service is our own.
        if self.is_demo {
            return None;
        }
        let seen = Box::pin(preflight::ask(&self.request, expect, &self.url, clock)).await?;
        self.settings.preflight = Some(seen.told.clone());
        let cap = self.settings.max_in_flight.min(self.settings.max_connections.unwrap_or(u64::MAX));
        let complaint = seen.complaint.clone();
        self.warning = seen.warning(peak, cap);
        complaint
    }

    /// The engine of its load, its threads up and its connections open.
    pub(super) async fn engine(&mut self, load: &LoadArgs, expect: Expected) -> Result<Prepared, CommandError> {
        engine(load, &self.settings, self.factory.clone(), &self.request, expect).await
    }
}

fn settings(common: &Common<'_>, target: &Target, url: &Url, sent: &RequestOptions) -> Settings {
    let (request, load, plan) = (&common.drive.request, &common.drive.load, common.plan);
    let max_in_flight = max_in_flight(load, common.targets);
    Settings {
        target: public(target),
        url: without_secrets(url).to_string(),
        method: match &sent.mix {
            Some(mix) => format!("{} requests", mix.spec().requests.len()),
            None => request.method().to_owned(),
        },
        requests: sent.mix.as_deref().map(Mix::names).unwrap_or_default(),
        plan: plan.map(|plan| plan.name.clone()),
        slo: slo(load, plan),
        arrivals: load.arrivals,
        max_rate: load.max_rate.get(),
        max_in_flight,
        capped_by_descriptors: load.max_in_flight.is_none() && max_in_flight < Settings::default().max_in_flight,
        timeout: request.timeout,
        conn_max_age: (!request.conn_max_age.is_zero()).then_some(request.conn_max_age),
        transport: load.transport.to_possible_value().map(|value| value.get_name().to_owned()),
        http2: request.http2,
        // Every request in flight may need a connection.
        max_connections: (load.transport == TransportKind::Own).then(|| load.max_connections.unwrap_or(max_in_flight)),
        preflight: None,
        expected: Some(request.expect.to_string()),
        instance_header: request.instance_header.clone(),
        capacity_per_instance: load.capacity,
        seed: common.seed,
        fleet: None,
        counts: Vec::new(),
        thresholds: plan.map(|plan| plan.thresholds.clone()).unwrap_or_default(),
    }
}

fn public(target: &Target) -> String {
    match target {
        Target::Url(url) => without_secrets(url).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn refusal(words: &str) -> Option<String> {
        let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
        let Command::Live(args) = cli.command else { panic!("{words}") };
        check_places(&args.targets, &args.drive, &args.cluster).err().map(|error| error.to_string())
    }

    #[test]
    fn an_option_that_names_one_place_is_refused_where_there_are_two() {
        assert_eq!(refusal("scaletop live demo:apprunner demo:ecs --max-size 3"), None);
        assert_eq!(refusal("scaletop live demo http://127.0.0.1:1 --cluster-port 8080"), None);
        let said = refusal("scaletop live demo demo --cluster-port 8080").unwrap();
        assert!(said.contains("--cluster-port names one port"), "{said}");
        assert_eq!(refusal("scaletop live apprunner:a http://127.0.0.1:1 --url http://127.0.0.1:2"), None);
        let said = refusal("scaletop live apprunner:a ecs:b/c --url http://127.0.0.1:2").unwrap();
        assert!(said.contains("--url says where one service answers"), "{said}");
    }

    #[test]
    fn live_takes_one_target_or_two() {
        let targets = |words: &str| {
            let cli = Cli::try_parse_from(words.split_whitespace()).map_err(|error| error.to_string())?;
            let Command::Live(args) = cli.command else { return Err("another command".to_owned()) };
            Ok(args.targets.iter().map(Target::to_string).collect::<Vec<_>>())
        };
        assert_eq!(targets("scaletop live demo").unwrap(), ["demo"]);
        assert_eq!(targets("scaletop live demo:ecs --rate 5 demo").unwrap(), ["demo:ecs", "demo"]);
        assert!(targets("scaletop live demo demo demo").is_err());
        assert!(targets("scaletop live").is_err());
    }
}
