//! The balancer as an Application Load Balancer in front of an ECS service.
//!
//! It knows no limit of concurrency: a request waits in the task whose turn it is. **502** the task refused the connection
//! (its backlog is full) or broke off; **503** no target is registered; **504** no answer within the idle timeout.
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::upstream::{Connection, UpstreamError, Upstreams, connect};
use super::{Answer, disturbance, exchange, failed, own, passed};
use crate::instance_pool::Member;
use crate::ledger::{InstanceKey, Served};
use crate::options::Platform;
use crate::shared::{Shared, Slot};
use crate::target_health::{CheckFailure, HealthPolicy, keep_checking};

/// The load balancer's idle timeout (`idle_timeout.timeout_seconds`, 60 s by default): a target that sends nothing for this long
/// is answered for.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// What the target group asks for, as `DescribeExpressGatewayService` tells it.
pub(crate) const HEALTH_PATH: &str = "/healthz";

/// What a task made of a request.
struct Worked {
    answer: Result<(Response<Incoming>, Connection), Answer>,
    slot: Slot,
}

/// Lets the task answer whose turn it is.
pub(super) async fn pass(
    request: Request<Incoming>,
    member: Member,
    slot: Slot,
    shared: Arc<Shared>,
    upstreams: Arc<Upstreams>,
) -> Answer {
    let (key, id, giving_up) = (member.key, member.id.clone(), slot.giving_up());
    // A process does not notice that the client has gone: what waits in it is worked on all the same, in a task of ours.
    let work = tokio::spawn(work(request, member, slot, shared, Arc::clone(&upstreams)));
    match tokio::time::timeout(IDLE_TIMEOUT, work).await {
        Ok(Ok(Worked { answer: Ok((response, connection)), slot })) => {
            passed(response, connection, key, slot, &upstreams)
        }
        Ok(Ok(Worked { answer: Err(failed), mut slot })) => {
            slot.becomes(Served::Failed(failed.status().as_u16()));
            failed
        }
        // Its work was aborted with the runtime, and so is this.
        Ok(Err(_)) => own(StatusCode::BAD_GATEWAY, "the cluster has ended\n"),
        Err(_) => {
            giving_up.answered(StatusCode::GATEWAY_TIMEOUT);
            own(StatusCode::GATEWAY_TIMEOUT, format!("task {id} gave no answer within the idle timeout\n"))
        }
    }
}

/// Waits for a place in the task and takes it until the answer is there.
async fn work(
    request: Request<Incoming>,
    member: Member,
    mut slot: Slot,
    shared: Arc<Shared>,
    upstreams: Arc<Upstreams>,
) -> Worked {
    let Ok(turn) = member.queue.turn().await else {
        let answer = own(StatusCode::BAD_GATEWAY, format!("task {} ended with the request in its queue\n", member.id));
        return Worked { answer: Err(answer), slot };
    };
    slot.begins();
    let answer = exchange(request, &member, &shared, &upstreams).await;
    slot.rests();
    drop(turn);
    Worked { answer: answer.map_err(|error| failed(&member, &error, &shared)), slot }
}

/// Checks a target for as long as it lives, as its target group does. App Runner's instances are not checked: they refuse what
/// they have no room for, so none is ever behind.
pub(crate) async fn check_target(shared: &Arc<Shared>, key: InstanceKey) -> Infallible {
    let options = shared.reader.options();
    if options.platform == Platform::AppRunner {
        return std::future::pending().await;
    }
    let default = HealthPolicy::DEFAULT;
    let policy = HealthPolicy { interval: options.scaled(default.interval), ..default };
    let changed = |outcome: Result<(), CheckFailure>| {
        shared.health_changed(key, outcome.err().map(|failure| failure.reason()));
    };
    keep_checking(policy, || check(shared, key), changed).await
}

/// One check, on a connection of its own.
async fn check(shared: &Shared, key: InstanceKey) -> Result<(), CheckFailure> {
    // Gone: whoever checks is about to end as well.
    let Some((member, has_room)) = shared.reached(key) else { return std::future::pending().await };
    if !has_room {
        return Err(CheckFailure::Failed);
    }
    let _turn = member.queue.turn().await?;
    disturbance(&member, shared).await;
    let asked = async {
        let mut connection = connect::<Empty<Bytes>>(member.addr).await?;
        let request = Request::get(HEALTH_PATH).header(header::HOST, member.addr.to_string()).body(Empty::new());
        // A path of ours and an address: always a request.
        let request = request.unwrap_or_default();
        connection.send_request(request).await.map_err(UpstreamError::Exchange)
    };
    match asked.await {
        Ok(response) if response.status() == StatusCode::OK => Ok(()),
        Ok(response) => Err(CheckFailure::Code(response.status().as_u16())),
        Err(_) => Err(CheckFailure::Failed),
    }
}
