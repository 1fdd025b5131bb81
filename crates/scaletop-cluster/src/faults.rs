//! Faults on request: what is wrong with the cluster, and what that does to one request. Pure; kills and deployments are
//! carried out by the supervisor.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::options::duration_text;
use scaletop_units::{Elapsed, InstanceId};

/// Something that goes wrong on request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault", deny_unknown_fields)]
pub enum Fault {
    /// An instance's process is killed (SIGKILL); the autoscaler replaces it. Its requests in flight end in 502.
    Kill {
        /// Which; an active one by chance when `None`.
        #[serde(default)]
        instance: Option<InstanceId>,
    },
    /// No fault, but as disturbing: the service is deployed anew with an image of this tag. Instances of both revisions run
    /// until the new ones are active; the old ones finish what they have.
    Deploy {
        /// The tag: 1 to 128 letters, digits, `_`, `.` or `-`, the first no `.` and no `-`, as in ECR.
        tag: String,
    },
    /// Answers take longer by this much. The time counts as the instance's, so it also fills up sooner.
    Slow {
        /// Which instance; all of them when `None`.
        #[serde(default)]
        instance: Option<InstanceId>,
        /// By how much, written `400ms`.
        #[serde(with = "duration_text")]
        extra: Duration,
    },
    /// New connections to the balancer are refused, and the open ones are closed at their next request.
    Refuse,
    /// Requests are taken and never answered (the platform gives up after its 120 s).
    Hang {
        /// By which instance; by all of them when `None`.
        #[serde(default)]
        instance: Option<InstanceId>,
    },
    /// The balancer answers this share of requests (0 to 1) with 503 by itself, each request by chance.
    Unavailable {
        /// The share.
        share: f64,
    },
}

/// A fault that lasts.
#[derive(Clone, Debug)]
struct Lasting {
    fault: Fault,
    until: Option<Elapsed>,
}

/// What is wrong now.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    lasting: Vec<Lasting>,
}

/// What the balancer does with a request before it looks for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTheDoor {
    /// Nothing is wrong.
    Pass,
    /// Closes the connection without an answer.
    Close,
    /// Answers 503.
    Unavailable,
}

/// Whether ECR takes this for the tag of an image.
pub(crate) fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

impl Faults {
    /// From now on this is wrong, until `until` or until healed. The same kind of fault on the same instance is replaced.
    pub(crate) fn begin(&mut self, fault: Fault, until: Option<Elapsed>) {
        self.lasting.retain(|lasting| !is_same_kind(&lasting.fault, &fault));
        self.lasting.push(Lasting { fault, until });
    }

    /// Nothing is wrong any more.
    pub(crate) fn heal(&mut self) {
        self.lasting.clear();
    }

    /// The faults that are in force.
    pub(crate) fn current(&self, now: Elapsed) -> impl Iterator<Item = &Fault> {
        self.lasting.iter().filter(move |lasting| lasting.until.is_none_or(|until| now < until)).map(|it| &it.fault)
    }

    /// Whether new connections are refused.
    pub(crate) fn refuses(&self, now: Elapsed) -> bool {
        self.current(now).any(|fault| *fault == Fault::Refuse)
    }

    /// What happens to a request at the door; `luck` is drawn from 0 to 1 for it.
    pub(crate) fn at_the_door(&self, now: Elapsed, luck: f64) -> AtTheDoor {
        if self.refuses(now) {
            return AtTheDoor::Close;
        }
        let unlucky = |fault: &Fault| matches!(fault, Fault::Unavailable { share } if luck < *share);
        if self.current(now).any(unlucky) { AtTheDoor::Unavailable } else { AtTheDoor::Pass }
    }

    /// Whether `id` leaves its requests unanswered.
    pub(crate) fn hangs(&self, now: Elapsed, id: &InstanceId) -> bool {
        self.current(now).any(|fault| matches!(fault, Fault::Hang { instance } if is_meant(instance.as_ref(), id)))
    }

    /// How much longer `id` takes for an answer.
    pub(crate) fn extra_delay(&self, now: Elapsed, id: &InstanceId) -> Duration {
        let extra = |fault: &Fault| match fault {
            Fault::Slow { instance, extra } if is_meant(instance.as_ref(), id) => Some(*extra),
            _ => None,
        };
        self.current(now).filter_map(extra).fold(Duration::ZERO, Duration::saturating_add)
    }
}

fn is_meant(instance: Option<&InstanceId>, id: &InstanceId) -> bool {
    instance.is_none_or(|meant| meant == id)
}

fn is_same_kind(one: &Fault, other: &Fault) -> bool {
    match (one, other) {
        (Fault::Slow { instance: a, .. }, Fault::Slow { instance: b, .. })
        | (Fault::Hang { instance: a }, Fault::Hang { instance: b })
        | (Fault::Kill { instance: a }, Fault::Kill { instance: b }) => a == b,
        (Fault::Refuse, Fault::Refuse) | (Fault::Unavailable { .. }, Fault::Unavailable { .. }) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Elapsed = Elapsed::from_secs(10);

    fn id(name: &str) -> InstanceId {
        InstanceId::from(name.to_owned())
    }

    fn with(fault: Fault) -> Faults {
        let mut faults = Faults::default();
        faults.begin(fault, None);
        faults
    }

    #[test]
    fn a_share_of_requests_is_unlucky() {
        let faults = with(Fault::Unavailable { share: 0.3 });
        assert_eq!(faults.at_the_door(NOW, 0.29), AtTheDoor::Unavailable);
        assert_eq!(faults.at_the_door(NOW, 0.3), AtTheDoor::Pass);
        assert_eq!(with(Fault::Unavailable { share: 0.0 }).at_the_door(NOW, 0.0), AtTheDoor::Pass);
    }

    #[test]
    fn a_fault_ends_when_its_time_is_over_or_it_is_healed() {
        let mut faults = Faults::default();
        faults.begin(Fault::Refuse, Some(NOW));
        assert!(faults.refuses(NOW - Duration::from_nanos(1)));
        assert!(!faults.refuses(NOW));
        faults.begin(Fault::Refuse, None);
        assert_eq!(faults.at_the_door(NOW, 0.5), AtTheDoor::Close);
        faults.heal();
        assert_eq!(faults.current(NOW).count(), 0);
    }

    #[test]
    fn slowness_and_hanging_may_be_one_instances_own() {
        let mut faults = with(Fault::Slow { instance: Some(id("a")), extra: Duration::from_millis(5) });
        faults.begin(Fault::Slow { instance: None, extra: Duration::from_millis(2) }, None);
        faults.begin(Fault::Hang { instance: Some(id("a")) }, None);
        let of = |name| (faults.extra_delay(NOW, &id(name)).as_millis(), faults.hangs(NOW, &id(name)));
        assert_eq!((of("a"), of("b")), ((7, true), (2, false)));
    }

    #[test]
    fn faults_are_ordered_in_json_as_people_write_it() {
        let read = |text: &str| serde_json::from_str::<Fault>(text);
        assert_eq!(read(r#"{"fault": "kill"}"#).unwrap(), Fault::Kill { instance: None });
        assert_eq!(read(r#"{"fault": "deploy", "tag": "v2"}"#).unwrap(), Fault::Deploy { tag: "v2".to_owned() });
        let slow = Fault::Slow { instance: None, extra: Duration::from_millis(400) };
        assert_eq!(read(r#"{"fault": "slow", "extra": "400ms"}"#).unwrap(), slow);
        assert_eq!(read(&serde_json::to_string(&slow).unwrap()).unwrap(), slow);
        for (text, reason) in [
            (r#"{"fault": "slow", "extra": "400"}"#, "write 400s for seconds, 400ms"),
            (r#"{"fault": "melt"}"#, "unknown variant `melt`"),
            (r#"{"fault": "deploy", "tga": "v2"}"#, "tga"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_tag_is_what_ecr_takes_for_one() {
        assert!(["v2", "_", "main-0a1b.2", &"x".repeat(128)].into_iter().all(is_tag));
        assert!(!["", ".v2", "-v2", "v 2", "v2/3", "ü", &"x".repeat(129)].into_iter().any(is_tag));
    }

    #[test]
    fn the_same_fault_again_replaces_the_first() {
        let mut faults = with(Fault::Slow { instance: None, extra: Duration::from_secs(1) });
        faults.begin(Fault::Slow { instance: None, extra: Duration::from_secs(2) }, None);
        assert_eq!(faults.extra_delay(NOW, &id("a")), Duration::from_secs(2));
    }
}
