//! A second whose histograms are still packed: who adds many together need not make each of them.

use std::time::Duration;

use crate::record::bundle::{BundleError, Unpacked, Unpacker};
use crate::record::latency::{Latency, LatencyCells};
use crate::record::second::{CohortPart, Second};

/// A second as it was stored, all read but its histograms.
#[derive(Clone, Debug)]
pub struct PackedSecond {
    /// The rest; its histograms are empty.
    pub(super) counts: Second,
    /// Which histograms those of `latencies` are, in order.
    pub(super) places: Vec<Place>,
    /// All of them as one text.
    pub(super) latencies: Option<String>,
}

/// A histogram of a second, by where its part, instance or kind stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// [`Second::send_lag`].
    SendLag,
    /// [`CohortPart::ok`].
    Ok(usize),
    /// [`CohortPart::failed`].
    Failed(usize),
    /// [`CohortPart::service`].
    Service(usize),
    /// [`CohortPart::failed_service`]; of no part, it is left out.
    FailedService(Option<usize>),
    /// [`Served::response`](super::Served::response).
    Response(usize),
    /// One of [`Second::connections`].
    Connections(usize),
    /// [`RequestPart::ok`](super::RequestPart::ok).
    RequestOk(usize),
    /// [`RequestPart::failed`](super::RequestPart::failed).
    RequestFailed(usize),
}

impl Place {
    /// The histogram there.
    fn latency_of(self, second: &mut Second) -> Option<&mut Latency> {
        Some(match self {
            Self::SendLag => &mut second.send_lag,
            Self::Ok(nth) => &mut second.parts[nth].ok,
            Self::Failed(nth) => &mut second.parts[nth].failed,
            Self::Service(nth) => &mut second.parts[nth].service,
            Self::FailedService(nth) => &mut second.parts[nth?].failed_service,
            Self::Response(nth) => &mut second.served[nth].response,
            Self::Connections(nth) => second.connections.latencies_mut().into_iter().nth(nth)?,
            Self::RequestOk(nth) => &mut second.requests[nth].ok,
            Self::RequestFailed(nth) => &mut second.requests[nth].failed,
        })
    }
}

impl PackedSecond {
    /// Which second it is.
    pub const fn index(&self) -> u32 {
        self.counts.index
    }

    /// Unpacks all its histograms, in `room`.
    ///
    /// # Errors
    /// When they are damaged, or are not as many as the rest says.
    pub fn unpack(self, room: &mut Unpacker) -> Result<UnpackedSecond<'_>, BundleError> {
        let latencies = room.unpack(self.latencies.as_deref(), self.places.len())?;
        Ok(UnpackedSecond { counts: self.counts, places: self.places, latencies })
    }

    /// The second.
    pub(super) fn into_second(self) -> Result<Second, BundleError> {
        let mut room = Unpacker::default();
        let UnpackedSecond { mut counts, places, latencies } = self.unpack(&mut room)?;
        for (place, cells) in places.into_iter().zip(latencies.iter()) {
            if let Some(latency) = place.latency_of(&mut counts) {
                *latency = Latency::from(cells);
            }
        }
        Ok(counts)
    }
}

/// A second whose histograms lie in an [`Unpacker`]'s room.
#[derive(Clone, Debug)]
pub struct UnpackedSecond<'a> {
    /// All but the histograms, which are empty here. It may be changed before it is merged, but for its parts and its instances.
    pub counts: Second,
    places: Vec<Place>,
    latencies: Unpacked<'a>,
}

impl UnpackedSecond<'_> {
    /// How many latencies of OK answers it has.
    pub fn ok(&self) -> u64 {
        self.latencies().filter(|(place, _)| matches!(place, Place::Ok(_))).map(|(_, cells)| cells.count()).sum()
    }

    /// What a share `q` (0 to 1) of its send lags did not exceed; `None` when there are none.
    pub fn send_lag_quantile(&self, q: f64) -> Option<Duration> {
        self.latencies().find(|(place, _)| *place == Place::SendLag).and_then(|(_, cells)| cells.quantile(q))
    }

    /// Whether nothing came due, was sent or was answered in it.
    pub fn is_idle(&self) -> bool {
        let is_of_part = |place| {
            matches!(place, Place::Ok(_) | Place::Failed(_) | Place::Service(_) | Place::FailedService(Some(_)))
        };
        self.counts.total() == CohortPart::new(self.counts.index)
            && self.latencies().all(|(place, cells)| !is_of_part(place) || cells.max_micros == 0)
    }

    /// As [`Second::merge`] of the whole second.
    pub fn merge_into(&self, into: &mut Second) {
        into.merge(&self.counts);
        for (place, cells) in self.latencies().filter(|(_, cells)| cells.max_micros > 0) {
            if let Some(latency) = self.place_in(into, place).and_then(|place| place.latency_of(into)) {
                latency.merge_cells(cells);
            }
        }
    }

    /// Where `into`, which has all parts and instances of this second, has what this second has at `place`.
    fn place_in(&self, into: &Second, place: Place) -> Option<Place> {
        let part = |nth: usize| {
            let intended = self.counts.parts[nth].intended;
            into.parts.binary_search_by_key(&intended, |part| part.intended).ok()
        };
        let request = |nth: usize| {
            let mine = &self.counts.requests[nth];
            let key = (&mine.name, mine.intended);
            into.requests.binary_search_by(|part| (&part.name, part.intended).cmp(&key)).ok()
        };
        Some(match place {
            Place::SendLag | Place::Connections(_) => place,
            Place::RequestOk(nth) => Place::RequestOk(request(nth)?),
            Place::RequestFailed(nth) => Place::RequestFailed(request(nth)?),
            Place::Ok(nth) => Place::Ok(part(nth)?),
            Place::Failed(nth) => Place::Failed(part(nth)?),
            Place::Service(nth) => Place::Service(part(nth)?),
            Place::FailedService(nth) => Place::FailedService(Some(part(nth?)?)),
            Place::Response(nth) => {
                let id = &self.counts.served[nth].id;
                Place::Response(into.served.binary_search_by(|mine| mine.id.cmp(id)).ok()?)
            }
        })
    }

    fn latencies(&self) -> impl Iterator<Item = (Place, LatencyCells<'_>)> {
        self.places.iter().copied().zip(self.latencies.iter())
    }
}
