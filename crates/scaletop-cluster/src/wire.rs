//! The AWS endpoints of the embedded cluster: App Runner, CloudWatch, ECR, ECS and Application Auto Scaling on one loopback
//! port, in the protocols that the official clients speak.
//!
//! The server reads a [`CloudState`] and answers. It checks no signatures, keeps no secrets, binds to 127.0.0.1 only, and
//! can be told to misbehave ([`FaultRule`]), from Rust or by `POST /_scaletop/control`.

mod app_runner;
mod auto_scaling;
mod cloudwatch;
mod ecr;
mod ecs;
mod ecs_tasks;
mod embedded;
mod faults;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod input;
mod metrics;
mod protocol;
mod state;
mod value;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::faults::Fault;
use crate::options::duration_text;
use crate::serve::Connections;
use faults::WireFaults;
use protocol::{Call, Service, WireError};

pub use embedded::{EmbeddedError, EmbeddedPlatform, REGION, SERVICE};
pub use faults::{FaultRule, WireFault};
pub use state::{
    AlarmView, CloudPlatform, CloudSnapshot, CloudState, DeploymentView, ECS_CLUSTER, MetricSecond, Operation,
    Overrides, PlacedTask, Publication, ScalingActivity, Task, TaskDefinition, TaskStop,
};

/// Where faults are ordered.
const CONTROL_PATH: &str = "/_scaletop/control";

/// The largest request body that is read.
const LONGEST_BODY: usize = 1 << 20;
/// A hanging answer gives up after this long, so that a forgotten client does not hold a task for good.
const LONGEST_HANG: Duration = Duration::from_mins(2);

/// The running endpoints. Dropping it stops them.
#[derive(Debug)]
pub struct WireServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    state: Arc<dyn CloudState>,
    publication: Publication,
    control: Mutex<Control>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("publication", &self.publication).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Control {
    faults: WireFaults,
    overrides: Overrides,
    skew_secs: i64,
    calls: BTreeMap<String, u64>,
}

/// What `POST /_scaletop/control` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// Forget all orders so far.
    #[serde(default)]
    clear: bool,
    /// A fault of the endpoints.
    fault: Option<FaultRule>,
    /// A fault of the cluster behind them, or a deployment.
    cluster: Option<Fault>,
    /// How long that fault lasts, written `10s`; until `clear` when it is not said.
    #[serde(default, deserialize_with = "duration_text::option::deserialize")]
    lasts: Option<Duration>,
    /// The status that the service has from now on.
    status: Option<String>,
    /// An operation that is in progress from now on, such as `UPDATE_SERVICE`.
    operation: Option<String>,
    /// The tag of an image that is pushed now.
    push: Option<String>,
    /// By how much the `Date` of answers is off, seconds.
    skew_secs: Option<i64>,
}

impl WireServer {
    /// Starts the endpoints on 127.0.0.1; port 0 picks a free one. Needs a tokio runtime.
    pub async fn start(state: Arc<dyn CloudState>, publication: Publication, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { state, publication, control: Mutex::default() });
        let answer_one = {
            let shared = Arc::clone(&shared);
            move |request| answer(Arc::clone(&shared), request)
        };
        let task = tokio::spawn(async move {
            let never = Connections::default().serve(&listener, answer_one).await;
            match never {}
        });
        Ok(Self { address, shared, task })
    }

    /// What `AWS_ENDPOINT_URL` should say.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Orders faults.
    pub fn inject(&self, rule: FaultRule) {
        self.shared.control().faults.add(rule);
    }

    /// The control plane's overrides, to be read and changed.
    pub fn override_with(&self, change: impl FnOnce(&mut Overrides)) {
        change(&mut self.shared.control().overrides);
    }

    /// From now on, `Date` is off by this many seconds.
    pub fn skew_clock(&self, secs: i64) {
        self.shared.control().skew_secs = secs;
    }

    /// Forgets faults, overrides and skew.
    pub fn clear(&self) {
        let mut control = self.shared.control();
        let calls = std::mem::take(&mut control.calls);
        *control = Control { calls, ..Control::default() };
    }

    /// How often an operation has been called.
    pub fn calls(&self, operation: &str) -> u64 {
        self.shared.control().calls.get(operation).copied().unwrap_or(0)
    }
}

impl Drop for WireServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn control(&self) -> std::sync::MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "the request could not be read, or is over 1 MiB\n")),
    };
    if parts.uri.path() == CONTROL_PATH {
        return Ok(take_order(&shared, &parts, &body));
    }
    let request_id = request_id();
    let response = match protocol::parse(&parts, &body) {
        Ok(call) => answer_call(&shared, &call, &request_id).await,
        Err((protocol, error)) => protocol::respond(protocol, Service::CloudWatch, "Unknown", &Err(error), &request_id),
    };
    Ok(with_skewed_date(response, &shared))
}

async fn answer_call(shared: &Shared, call: &Call, request_id: &str) -> Response<Full<Bytes>> {
    let fault = {
        let mut control = shared.control();
        *control.calls.entry(call.operation.clone()).or_default() += 1;
        control.faults.strike(&call.operation)
    };
    match fault {
        Some(WireFault::Hang) => tokio::time::sleep(LONGEST_HANG).await,
        Some(WireFault::Garbage) => return plain(StatusCode::OK, "<html>Welcome to the captive portal</html>\n"),
        _ => {}
    }
    let result = match fault.and_then(|fault| faults::error(fault, call.service, &call.operation)) {
        Some(error) => Err(error),
        None => shared.operate(call, fault == Some(WireFault::Partial)),
    };
    protocol::respond(call.protocol, call.service, &call.operation, &result, request_id)
}

impl Shared {
    fn operate(&self, call: &Call, partial: bool) -> Result<value::Value, WireError> {
        let mut cloud = self.state.snapshot();
        // A request that was signed for another region would have gone to another endpoint, where there is nothing of ours.
        let is_elsewhere = call.region.as_ref().is_some_and(|region| *region != cloud.region);
        let is_played = match call.service {
            Service::AppRunner => cloud.platform == CloudPlatform::AppRunner,
            Service::Ecs => cloud.platform == CloudPlatform::Ecs,
            _ => true,
        };
        if let Some(region) = call.region.clone().filter(|_| is_elsewhere) {
            cloud.region = region;
        }
        if is_elsewhere || !is_played {
            // What exists here has another name there: nothing that a client asks for is found.
            cloud.name = String::new();
            cloud.neighbours.clear();
        }
        let mut control = self.control();
        let overrides = &mut control.overrides;
        let (operation, input) = (call.operation.as_str(), &call.input);
        let result = match call.service {
            Service::AppRunner => app_runner::answer(operation, input, &cloud, overrides),
            Service::Ecr => ecr::answer(operation, input, &cloud, overrides),
            Service::Ecs => ecs::answer(operation, input, &cloud, overrides),
            Service::AutoScaling => auto_scaling::answer(operation, input, &cloud),
            Service::CloudWatch => {
                drop(control);
                cloudwatch::answer(operation, input, &cloud, (self.state.as_ref(), self.publication), partial)
            }
        };
        result.unwrap_or_else(|| Err(protocol::unknown_operation(operation)))
    }
}

fn take_order(shared: &Shared, parts: &http::request::Parts, body: &[u8]) -> Response<Full<Bytes>> {
    // A page in a browser can post to loopback, but not with this content type unless we allow it.
    let is_json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/json");
    if parts.method != Method::POST || !is_json {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "POST application/json\n");
    }
    let order: Order = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    if order.clear {
        shared.state.heal();
    }
    if let Some(Err(error)) = order.cluster.map(|fault| shared.state.inject(fault, order.lasts)) {
        return plain(StatusCode::CONFLICT, format!("{error}\n"));
    }
    let CloudSnapshot { now, platform, .. } = shared.state.snapshot();
    let mut control = shared.control();
    if order.clear {
        let calls = std::mem::take(&mut control.calls);
        *control = Control { calls, ..Control::default() };
    }
    if let Some(rule) = order.fault {
        control.faults.add(rule);
    }
    if let Some(status) = order.status {
        control.overrides.status = Some(status);
    }
    if let Some(kind) = order.operation {
        let id = app_runner::operation_id(&format!("{kind}-{}", control.overrides.operations.len()));
        let operation = Operation { id, kind, status: "IN_PROGRESS".to_owned(), started: now, ended: None };
        control.overrides.operations.insert(0, operation);
        // On ECS it is a deployment, and the service stays ACTIVE.
        if platform == CloudPlatform::AppRunner {
            control.overrides.status = Some("OPERATION_IN_PROGRESS".to_owned());
        }
    }
    if let Some(tag) = order.push {
        control.overrides.pushed.push((tag, now));
    }
    if let Some(secs) = order.skew_secs {
        control.skew_secs = secs;
    }
    plain(StatusCode::OK, "done\n")
}

fn with_skewed_date(mut response: Response<Full<Bytes>>, shared: &Shared) -> Response<Full<Bytes>> {
    let skew = shared.control().skew_secs;
    if skew != 0 {
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        let now = shared.state.snapshot().now as i64;
        let date = jiff::Timestamp::from_second(now.saturating_add(skew))
            .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        if let Some(value) = date.ok().and_then(|date| header::HeaderValue::from_str(&date).ok()) {
            response.headers_mut().insert(header::DATE, value);
        }
    }
    response
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    response
}

/// A random UUID.
fn request_id() -> String {
    let bits = fastrand::u128(..);
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
