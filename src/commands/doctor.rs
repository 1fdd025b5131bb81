//! `scaletop doctor`: what could keep a measurement from being right, a line each, before any load flows.
//!
//! It sends one request to the service, and asks the cloud once for everything that a session would ask again and again.

use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::cli::DoctorArgs;
use crate::cloud::least_privilege;
use crate::commands::authority::Authority;
use crate::commands::counting::Counting;
use crate::commands::destination;
use crate::commands::request::{join, request_options};
use crate::commands::sending::check_headers;
use crate::commands::{CommandError, other_scheme, preflight, say};
use crate::doctor::generator::{self, PlannedLoad};
use crate::doctor::{Check, Status, reach};
use crate::target::{self, Target};
use crate::text::clean;
use scaletop_cluster::wire::EmbeddedPlatform;
use scaletop_load::{GeneratorProbe, default_max_in_flight, raise_fd_limit};
use scaletop_load::{HttpTransport, RequestOptions};
use scaletop_units::RunClock;

/// Prints every check as it is made; 1 when one failed.
pub(super) async fn run(args: DoctorArgs) -> Result<u8, CommandError> {
    if args.policy {
        return policy(&args);
    }
    // Wrong words of the command are told before anything is asked.
    let placeholder = target::parse_url("http://localhost")?;
    Authority::check(&args.request, &request_options(&args.request, placeholder, 0)?)?;
    let counting = Counting::of(&args.count, &args.request, None)?;
    let clock = RunClock::start();
    let mut printout = Printout::new(args.json);
    printout.heading("this machine")?;
    printout.print(machine(&args, clock))?;
    let platform = match args.target {
        Some(Target::Demo(platform)) => {
            let options = destination::demo_options(platform, &args.cluster);
            Some(EmbeddedPlatform::start(options, None, clock, 0).await?)
        }
        _ => None,
    };
    printout.heading("the cloud")?;
    let found = cloud(&args, platform.as_ref(), clock).await;
    if found.checks.is_empty() {
        printout.remark("not asked: a URL is not watched through AWS")?;
    }
    printout.print(found.checks)?;
    printout.heading("the service")?;
    match found.url {
        Some(url) => printout.print(service(&args, url, clock).await?)?,
        None if args.target.is_none() => printout.remark("not asked: name a target to have it checked")?,
        None => printout.remark("not asked: where it answers is not known (see above)")?,
    }
    if !counting.sources.is_empty() {
        printout.heading("instance counts")?;
        printout.print(counting.checks().await)?;
    }
    if let Some(platform) = platform {
        platform.cluster.shutdown().await;
    }
    printout.verdict()
}

/// The policy, for `aws iam create-policy --policy-document`.
fn policy(args: &DoctorArgs) -> Result<u8, CommandError> {
    // Without a target the policy that covers both platforms, with names to fill in.
    let both = Target::Terraform("infra".into());
    let target = args.target.as_ref().unwrap_or(&both);
    let (region, account) = (args.cloud.region.as_deref(), args.account.as_deref());
    let Some(policy) = least_privilege(target, region, account, args.repository.as_deref()) else {
        say(&format!("{target} is not watched through AWS: it needs no policy"));
        return Ok(0);
    };
    let text = format!("{policy:#}");
    writeln!(io::stdout(), "{text}")?;
    let open = ["REGION", "ACCOUNT", "REPOSITORY", "CLUSTER", "SERVICE"].into_iter();
    let open: Vec<_> =
        open.filter(|name| text.contains(&format!(":{name}")) || text.contains(&format!("/{name}"))).collect();
    if !open.is_empty() {
        say(&format!("fill in {} (or give the target, --region, --account and --repository)", open.join(", ")));
    }
    Ok(0)
}

fn machine(args: &DoctorArgs, clock: RunClock) -> Vec<Check> {
    // As a session does it: not being allowed to is what the check then shows.
    let _ = raise_fd_limit();
    let conn_max_age = args.request.conn_max_age;
    let planned = PlannedLoad {
        max_rate: args.max_rate.get(),
        max_in_flight: args.max_in_flight.unwrap_or_else(default_max_in_flight),
        keep_alive: !args.request.no_keepalive,
        conn_max_age: (conn_max_age > Duration::ZERO).then_some(conn_max_age),
    };
    generator::checks(&GeneratorProbe::new(clock.now()).sample(clock.now()), planned)
}

/// One request, to where the load would go.
async fn service(args: &DoctorArgs, url: Url, clock: RunClock) -> Result<Vec<Check>, CommandError> {
    let url = join(url, args.request.path.as_deref());
    let mut options = request_options(&args.request, url.clone(), 0)?;
    check_headers(&options)?;
    Authority::of(&args.request, &args.cloud, &mut options, clock).await?;
    let Some(mix) = &options.mix else { return asked(args, &url, &options, 0, clock).await };
    let mut checks = Vec::new();
    let asked_alone = preflight::asked_alone(mix);
    if asked_alone.is_empty() {
        let why = "not asked: each of the requests may change something, and none is sent unasked";
        checks.push(Check::warning(
            "service",
            why,
            "add one that only reads (GET, HEAD), or check the service without --requests",
        ));
    }
    for (index, name, path) in asked_alone {
        let url = path.and_then(|path| url.join(path).ok()).unwrap_or_else(|| url.clone());
        let of_one = asked(args, &url, &options, index, clock).await?;
        checks.extend(of_one.into_iter().map(|check| Check { detail: format!("{name}: {}", check.detail), ..check }));
    }
    Ok(checks)
}

/// One request, of several the one at `index`.
async fn asked(
    args: &DoctorArgs,
    url: &Url,
    options: &RequestOptions,
    index: usize,
    clock: RunClock,
) -> Result<Vec<Check>, CommandError> {
    let transport = HttpTransport::new(options)?;
    let sent = clock.now();
    // Its connections are tasks of their own, on this thread.
    let reply = tokio::task::LocalSet::new().run_until(transport.try_one(index)).await;
    let took = clock.now().saturating_since(sent);
    let reply = other_scheme::explained(reply, options, clock).await;
    let mut checks = reach::checks(url, args.request.expect, &args.request.instance_header, &reply, took);
    checks.extend(reach::protocol(args.request.http2, &reply));
    Ok(checks)
}

/// What the cloud says, and where the service answers.
struct Found {
    checks: Vec<Check>,
    url: Option<Url>,
}

#[cfg(feature = "aws")]
async fn cloud(args: &DoctorArgs, platform: Option<&EmbeddedPlatform>, clock: RunClock) -> Found {
    use crate::cloud::sources::CLOUD_GRAIN;
    use crate::commands::demo::{demo_cloud, demo_target};
    use crate::commands::destination::cloud_options;
    use crate::doctor::{Findings, check_cloud};

    let findings = match platform {
        Some(platform) => {
            let reader = platform.cluster.reader();
            let embedded = demo_cloud(platform.endpoints.endpoint_url());
            let (target, grain) = (demo_target(reader.options().platform), reader.options().metric_grain());
            Box::pin(check_cloud(Some(&target), None, &embedded, clock, grain)).await
        }
        // A plain URL is not watched through AWS.
        None if matches!(args.target, Some(Target::Url(_))) => Findings { checks: Vec::new(), resolved: None },
        None => {
            let options = match cloud_options(&args.cloud) {
                Ok(options) => options,
                Err(error) => {
                    let check = Check::failure("endpoint", error.to_string(), "set it to a URL, or unset it");
                    return Found { checks: vec![check], url: said_url(args, platform) };
                }
            };
            Box::pin(check_cloud(args.target.as_ref(), args.cloud.url.clone(), &options, clock, CLOUD_GRAIN)).await
        }
    };
    let resolved = findings.resolved.map(|resolved| resolved.url);
    Found { checks: findings.checks, url: said_url(args, platform).or(resolved) }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the same signature as with the cloud's side")]
async fn cloud(args: &DoctorArgs, platform: Option<&EmbeddedPlatform>, _: RunClock) -> Found {
    let remedy = "build it with the feature aws, which is on by default";
    let checks = match &args.target {
        Some(target @ (Target::AppRunner(_) | Target::Ecs(_) | Target::Terraform(_))) => {
            vec![Check::failure(
                "target",
                format!("{target} needs the cloud's side, which this build leaves out"),
                remedy,
            )]
        }
        _ => vec![Check::warning("AWS", "this build leaves the cloud's side out", remedy)],
    };
    Found { checks, url: said_url(args, platform) }
}

/// Where the service answers, when the cloud need not be asked.
fn said_url(args: &DoctorArgs, platform: Option<&EmbeddedPlatform>) -> Option<Url> {
    match (&args.target, platform) {
        (_, Some(platform)) => target::parse_url(&platform.cluster.url()).ok(),
        (Some(Target::Url(url)), None) => Some(url.clone()),
        (Some(_), None) => args.cloud.url.clone(),
        (None, None) => None,
    }
}

/// Prints checks, and remembers how they ended.
#[derive(Default)]
pub(super) struct Printout {
    /// Whether they are printed as JSON, all at the end.
    is_json: bool,
    /// What is looked at.
    part: &'static str,
    checks: Vec<(&'static str, Check)>,
}

impl Printout {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, ..Self::default() }
    }

    pub(super) fn heading(&mut self, part: &'static str) -> io::Result<()> {
        self.part = part;
        if self.is_json { Ok(()) } else { writeln!(io::stdout(), "{part}") }
    }

    fn remark(&self, text: &str) -> io::Result<()> {
        if self.is_json { Ok(()) } else { writeln!(io::stdout(), "  {text}") }
    }

    pub(super) fn print(&mut self, checks: Vec<Check>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if !self.is_json {
            for check in &checks {
                writeln!(out, "  {check}")?;
            }
        }
        self.checks.extend(checks.into_iter().map(|check| (self.part, check)));
        out.flush()
    }

    /// How many of each, and the exit code.
    pub(super) fn verdict(&self) -> Result<u8, CommandError> {
        let count = |status| self.checks.iter().filter(|(_, check)| check.status == status).count();
        let (passed, warnings, failures) = (count(Status::Ok), count(Status::Warning), count(Status::Failure));
        if self.is_json {
            let told =
                json!({ "passed": passed, "warnings": warnings, "failures": failures, "checks": self.as_json() });
            writeln!(io::stdout(), "{told:#}")?;
        } else {
            writeln!(io::stdout(), "{passed} ok, {warnings} to look at, {failures} failed")?;
        }
        Ok(u8::from(failures > 0))
    }

    fn as_json(&self) -> Vec<Value> {
        let one = |(part, check): &(&str, Check)| {
            json!({
                "part": part,
                "name": clean(&check.name),
                "status": check.status.label(),
                "detail": clean(&check.detail),
                "remedy": check.remedy.as_deref().map(clean),
            })
        };
        self.checks.iter().map(one).collect()
    }
}
