//! Resolving host names for load: a lookup now and then instead of one per connection, and every address in turn.
//!
//! A spike that opens 600 connections must not be 600 `getaddrinfo` calls in 600 threads; an answer kept for too long
//! would hide new instances. So an answer is used for [`FRESH`], a failure for [`FAILED`], and connections that need a
//! name at the same time share one lookup. Addresses are shuffled for each connection, because stacks that always take
//! the first one load one balancer node only. The family that the system prefers stays first.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long an answer is used.
pub(crate) const FRESH: Duration = Duration::from_secs(5);

/// How long a failure is.
const FAILED: Duration = Duration::from_secs(1);

/// A name that could not be resolved. Kept apart from other connect errors by its type.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot resolve {host}: {source}; check the name, or give the address with --resolve")]
pub(crate) struct LookupError {
    host: String,
    #[source]
    source: Arc<io::Error>,
}

impl LookupError {
    /// Why, without the name.
    pub(crate) fn reason(&self) -> String {
        format!("the name cannot be resolved: {}", self.source)
    }
}

type Answer = Result<Vec<SocketAddr>, LookupError>;

/// Answers that are still fresh; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    known: Arc<Mutex<HashMap<String, Lookup>>>,
}

#[derive(Clone, Debug)]
struct Lookup {
    began: Instant,
    answer: Arc<OnceCell<Answer>>,
}

impl Lookup {
    fn is_fresh(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.began);
        match self.answer.get() {
            // Under way: whoever asks meanwhile waits for it.
            None => true,
            Some(Ok(_)) => age < FRESH,
            Some(Err(_)) => age < FAILED,
        }
    }
}

impl Names {
    /// The addresses of `host`, in the order in which to try them; the port is 0. Cancel-safe.
    pub(crate) async fn lookup(&self, host: &str) -> Answer {
        let lookup = self.fresh_or_new(host);
        let answer = lookup.answer.get_or_init(|| ask_system(host)).await;
        answer.clone().map(|addresses| in_turn(addresses, &mut fastrand::Rng::new()))
    }

    fn fresh_or_new(&self, host: &str) -> Lookup {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lookup) = known.get(host).filter(|lookup| lookup.is_fresh(now)) {
            return lookup.clone();
        }
        let lookup = Lookup { began: now, answer: Arc::default() };
        // One host per target: nothing accumulates.
        known.insert(host.to_owned(), lookup.clone());
        lookup
    }
}

async fn ask_system(host: &str) -> Answer {
    let failed = |source| LookupError { host: host.to_owned(), source: Arc::new(source) };
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await.map_err(failed)?.collect();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "no addresses")));
    }
    Ok(addresses)
}

/// Shuffles the addresses, those of the first one's family first.
fn in_turn(mut addresses: Vec<SocketAddr>, rng: &mut fastrand::Rng) -> Vec<SocketAddr> {
    let prefers_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    rng.shuffle(&mut addresses);
    addresses.sort_by_key(|address| address.is_ipv6() != prefers_v6);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_preferred_family_comes_first_now_and_then() {
        let addresses: Vec<SocketAddr> =
            ["10.0.0.1:0", "10.0.0.2:0", "[::1]:0"].iter().map(|text| text.parse().unwrap()).collect();
        let mut rng = fastrand::Rng::with_seed(1);
        let firsts: Vec<SocketAddr> = (0..50).map(|_| in_turn(addresses.clone(), &mut rng)[0]).collect();
        assert!(firsts.contains(&addresses[0]) && firsts.contains(&addresses[1]));
        assert!(!firsts.contains(&addresses[2]), "the other family is only tried after it");
    }

    #[tokio::test]
    async fn connections_share_a_lookup_while_it_is_fresh() {
        let names = Names::default();
        names.lookup("localhost").await.expect("every system knows localhost");
        let first = names.fresh_or_new("localhost");
        assert!(Arc::ptr_eq(&first.answer, &names.fresh_or_new("localhost").answer));
        let later = Instant::now() + FRESH;
        assert!(!first.is_fresh(later));
    }
}
