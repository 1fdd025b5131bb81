//! Instance ids by what a header said, so that an answer neither parses nor allocates one.

use std::cell::RefCell;
use std::collections::HashMap;

use http::header::HeaderName;
use scaletop_units::InstanceId;

/// Ids kept at hand; beyond it (an id per response?) they are forgotten and begun anew.
const MAX_KNOWN: usize = 1_024;

/// The header that names the instance, and the ids it has named.
#[derive(Debug)]
pub(crate) struct Ids {
    header: HeaderName,
    known: RefCell<HashMap<Box<[u8]>, InstanceId>>,
}

impl Ids {
    /// Ids stand in `header`.
    pub(crate) fn new(header: HeaderName) -> Self {
        Self { header, known: RefCell::default() }
    }

    /// The header that they stand in.
    pub(crate) const fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The id that the header's value names.
    pub(crate) fn get(&self, raw: &[u8]) -> Option<InstanceId> {
        let mut known = self.known.borrow_mut();
        if let Some(id) = known.get(raw) {
            return Some(id.clone());
        }
        let id = InstanceId::parse(raw)?;
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(raw.into(), id.clone());
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_parsed_once_and_many_ids_do_not_pile_up() {
        let ids = Ids::new(HeaderName::from_static("x-instance-id"));
        for number in 0..3 * MAX_KNOWN {
            let raw = format!("i-{number}");
            assert_eq!(ids.get(raw.as_bytes()), ids.get(raw.as_bytes()));
        }
        assert!(ids.known.borrow().len() <= MAX_KNOWN);
    }
}
