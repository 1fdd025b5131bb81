//! Recording without lying: latency histograms and closed seconds.
//!
//! A [`second::Second`] is the unit everything downstream is made of. It keeps the requests that completed in it apart
//! by the second in which they were *intended*: merging over the intended seconds gives the live curve (bins by
//! completion), merging one intended second over the seconds that closed later gives the cohort (bins by intended start),
//! which the analysis of steps needs. Both bins thus come from one set of histograms.

pub(crate) mod bundle;
pub(crate) mod connections;
pub(crate) mod failures;
pub(crate) mod latency;
pub(crate) mod recorder;
pub(crate) mod second;
