//! What may be ordered of a running cluster, from Rust and by the control endpoint: faults and deployments.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ClusterError;
use super::faults::{Fault, is_tag};
use super::shared::Shared;
use scaletop_units::InstanceId;

/// Takes orders for a running cluster.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop: CancellationToken,
}

impl Orders {
    /// Makes something go wrong, for a while or (`None`) until healed.
    pub(crate) fn inject(&self, fault: Fault, lasts: Option<Duration>) -> Result<(), ClusterError> {
        if self.stop.is_cancelled() {
            return Err(ClusterError::Ended);
        }
        match fault {
            Fault::Kill { instance: None } => self.shared.kill(None).map(drop).ok_or(ClusterError::NothingToKill),
            Fault::Kill { instance: Some(id) } => match self.shared.kill(Some(&id)) {
                Some(_) => Ok(()),
                None => Err(self.no_such(id)),
            },
            Fault::Deploy { tag } if is_tag(&tag) => {
                self.shared.deploy(tag);
                Ok(())
            }
            Fault::Deploy { tag } => Err(ClusterError::Tag { tag }),
            Fault::Unavailable { share } if !(0.0..=1.0).contains(&share) => Err(ClusterError::Share { share }),
            Fault::Slow { instance: Some(id), .. } | Fault::Hang { instance: Some(id) } if !self.lives(&id) => {
                Err(self.no_such(id))
            }
            fault => {
                self.shared.begin(fault, lasts.map(|lasts| self.shared.reader.now() + lasts));
                Ok(())
            }
        }
    }

    /// Ends every lasting fault.
    pub(crate) fn heal(&self) {
        self.shared.heal();
    }

    fn lives(&self, id: &InstanceId) -> bool {
        self.shared.reader.view().instances.iter().any(|instance| instance.id == *id)
    }

    fn no_such(&self, id: InstanceId) -> ClusterError {
        let living = self.shared.reader.view().instances;
        let living: Vec<_> = living.iter().map(|instance| instance.id.to_string()).collect();
        ClusterError::NoSuchInstance { id, living: living.join(", ") }
    }
}
