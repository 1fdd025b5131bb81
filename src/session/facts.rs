//! What the facts of a platform are called for people: one table. In the recording they keep the names that sources give them.

use crate::session::event::Fact;

/// Every fact that a source states: its name, what people call it, and the unit of its value.
const FACTS: [(&str, &str, &str); 19] = [
    ("status", "status", ""),
    ("operation", "operation", ""),
    ("deployment", "deployment", ""),
    ("image", "image", ""),
    ("image_digest", "image digest", ""),
    ("image_pushed", "image pushed", ""),
    ("image_newer", "newer image", ""),
    ("instance_size", "instance size", ""),
    ("capacity_providers", "capacity from", ""),
    ("scaling", "scaling", ""),
    ("scaling_policy", "scaling policy", ""),
    ("cpu_percent", "service CPU", " %"),
    ("memory_percent", "service memory", " %"),
    ("platform_requests_per_s", "platform requests", "/s"),
    ("platform_2xx_per_s", "platform 2xx", "/s"),
    ("platform_4xx_per_s", "platform 4xx", "/s"),
    ("platform_5xx_per_s", "platform 5xx", "/s"),
    ("platform_latency_ms", "platform latency", " ms"),
    ("platform_concurrency", "platform concurrency", ""),
];

impl Fact {
    /// What people call it; a name of nobody's as it is. Untrusted text.
    pub(crate) fn label(&self) -> &str {
        self.known().map_or(&self.name, |(_, label, _)| label)
    }

    /// Its value with the unit. Untrusted text.
    pub(crate) fn worded(&self) -> String {
        format!("{}{}", self.value, self.known().map_or("", |(.., unit)| unit))
    }

    fn known(&self) -> Option<&'static (&'static str, &'static str, &'static str)> {
        FACTS.iter().find(|(name, ..)| *name == self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::Elapsed;

    fn fact(name: &str, value: &str) -> Fact {
        Fact { name: name.to_owned(), value: value.to_owned(), as_of: Elapsed::ZERO }
    }

    #[test]
    fn facts_are_said_as_people_call_them_with_a_unit() {
        let said = |name, value| format!("{}: {}", fact(name, value).label(), fact(name, value).worded());
        assert_eq!(said("platform_2xx_per_s", "18.0"), "platform 2xx: 18.0/s");
        assert_eq!(said("cpu_percent", "12.5"), "service CPU: 12.5 %");
        assert_eq!(said("of a later version", "7"), "of a later version: 7");
    }

    /// The names that sources state facts under, read off their code: what stands between quotes behind `fact(` or as a metric.
    #[test]
    fn every_fact_of_every_source_has_a_name_for_people() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cloud/sources");
        let mut found = Vec::new();
        for file in std::fs::read_dir(folder).unwrap().filter_map(Result::ok).filter(|file| file.path().is_file()) {
            let code = std::fs::read_to_string(file.path()).unwrap();
            let code = code.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            for begin in ["Use::Rate(\"", "Use::Gauge(\"", ".fact(report, \"", ".fact(&mut report, \""] {
                let names = code.split(begin).skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(names.map(str::to_owned));
            }
        }
        assert!(found.len() > 15, "{found:?}");
        for name in found {
            assert!(FACTS.iter().any(|(known, ..)| *known == name), "{name} has no name for people");
        }
    }
}
