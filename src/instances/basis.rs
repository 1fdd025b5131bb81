//! What an instance count counts, and who counts it: the [`Basis`].

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an instance count counts. In a recording it is its [`key`](Basis::key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    /// Distinct ids in response headers over the last seconds: at once, on any platform.
    Responding,
    /// App Runner's `ActiveInstances` through CloudWatch: 60 s grain, minutes late.
    Active,
    /// ECS: tasks that run.
    Running,
    /// ECS: tasks that scaling asked for.
    Desired,
    /// ECS: tasks that are on their way.
    Pending,
    /// What a source says that the user has named, on whatever platform.
    By(CountSource, Counted),
}

/// A source of counts that the user names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CountSource {
    /// A program that is run again and again.
    Command,
    /// A document that is fetched again and again.
    Url,
    /// An instant query of Prometheus.
    Prometheus,
}

/// What such a source counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counted {
    /// Instances that run.
    Running,
    /// Instances that scaling asked for.
    Desired,
    /// Instances that are on their way.
    Pending,
}

impl CountSource {
    /// Every source, the freshest first.
    pub const ALL: [Self; 3] = [Self::Command, Self::Url, Self::Prometheus];

    /// What it is called, on the screen, in the log and as a feed.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Url => "url",
            Self::Prometheus => "prometheus",
        }
    }
}

impl Counted {
    /// Everything that is counted.
    pub const ALL: [Self; 3] = [Self::Running, Self::Desired, Self::Pending];

    /// The word for it, which is its name in what a source prints, too.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Desired => "desired",
            Self::Pending => "pending",
        }
    }
}

impl Basis {
    /// Every basis, in the order of columns and legends.
    pub const ALL: [Self; 14] = {
        let [a, b, c, d, e, f, g, h, i] = Self::NAMED;
        [Self::Responding, Self::Active, Self::Running, Self::Desired, Self::Pending, a, b, c, d, e, f, g, h, i]
    };

    /// Those of sources that the user names, in the order of columns and legends.
    pub(crate) const NAMED: [Self; 9] = {
        use {CountSource as S, Counted as C};
        [
            Self::By(S::Command, C::Running),
            Self::By(S::Command, C::Desired),
            Self::By(S::Command, C::Pending),
            Self::By(S::Url, C::Running),
            Self::By(S::Url, C::Desired),
            Self::By(S::Url, C::Pending),
            Self::By(S::Prometheus, C::Running),
            Self::By(S::Prometheus, C::Desired),
            Self::By(S::Prometheus, C::Pending),
        ]
    };

    /// What steps are judged by, the best first: exact and fresh before late. What ECS runs is polled every two seconds, and so
    /// is what a command or a URL of the user's says; who responds is seen at once; a query of Prometheus is as old as its last
    /// scrape; App Runner's metric has a grain of a minute.
    pub(crate) const PREFERRED: [Self; 6] = [
        Self::Running,
        Self::By(CountSource::Command, Counted::Running),
        Self::By(CountSource::Url, Counted::Running),
        Self::Responding,
        Self::By(CountSource::Prometheus, Counted::Running),
        Self::Active,
    ];

    /// The same without what only answers show: what somebody counts who sees instances that do not answer, too.
    pub(crate) const COUNTED: [Self; 5] = [
        Self::Running,
        Self::By(CountSource::Command, Counted::Running),
        Self::By(CountSource::Url, Counted::Running),
        Self::By(CountSource::Prometheus, Counted::Running),
        Self::Active,
    ];

    /// What scaling asked for, the best first.
    pub(crate) const WANTED: [Self; 4] = [
        Self::Desired,
        Self::By(CountSource::Command, Counted::Desired),
        Self::By(CountSource::Url, Counted::Desired),
        Self::By(CountSource::Prometheus, Counted::Desired),
    ];

    /// The word for it on a chart or in a table.
    pub const fn label(self) -> &'static str {
        self.names().0
    }

    /// The word for it where there is little room: a source by its name.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::By(source, Counted::Running) => source.label(),
            other => other.label(),
        }
    }

    /// Its name in recordings, columns and metrics: one word.
    pub const fn key(self) -> &'static str {
        self.names().1
    }

    /// See [`label`](Self::label) and [`key`](Self::key).
    const fn names(self) -> (&'static str, &'static str) {
        use {CountSource as S, Counted as C};
        match self {
            Self::Responding => ("responding", "responding"),
            Self::Active => ("active", "active"),
            Self::Running => ("running", "running"),
            Self::Desired => ("desired", "desired"),
            Self::Pending => ("pending", "pending"),
            Self::By(S::Command, C::Running) => ("running (command)", "command_running"),
            Self::By(S::Command, C::Desired) => ("desired (command)", "command_desired"),
            Self::By(S::Command, C::Pending) => ("pending (command)", "command_pending"),
            Self::By(S::Url, C::Running) => ("running (url)", "url_running"),
            Self::By(S::Url, C::Desired) => ("desired (url)", "url_desired"),
            Self::By(S::Url, C::Pending) => ("pending (url)", "url_pending"),
            Self::By(S::Prometheus, C::Running) => ("running (prometheus)", "prometheus_running"),
            Self::By(S::Prometheus, C::Desired) => ("desired (prometheus)", "prometheus_desired"),
            Self::By(S::Prometheus, C::Pending) => ("pending (prometheus)", "prometheus_pending"),
        }
    }

    /// Whether it counts instances that run, as a source that is polled sees them.
    pub(crate) const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::By(_, Counted::Running))
    }

    /// What was asked for where this is what runs, by the same source; `None` where it is not, or nobody says.
    pub(crate) const fn wanted_beside(self) -> Option<Self> {
        match self {
            Self::Running => Some(Self::Desired),
            Self::By(source, Counted::Running) => Some(Self::By(source, Counted::Desired)),
            _ => None,
        }
    }
}

impl Serialize for Basis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

impl<'de> Deserialize<'de> for Basis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|basis| basis.key() == key);
        known.ok_or_else(|| serde::de::Error::custom(format!("\"{key}\" is no count of instances")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_basis_has_a_name_of_its_own_and_is_read_back_by_it() {
        for (at, basis) in Basis::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::from_str::<Basis>(&serde_json::to_string(&basis).unwrap()).unwrap(), basis);
            assert!(basis.key().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{basis:?}");
            assert!(Basis::ALL[..at].iter().all(|other| other.key() != basis.key() && *other < basis));
        }
        assert_eq!(serde_json::to_string(&Basis::Running).unwrap(), "\"running\"", "as it always was");
        assert!(serde_json::from_str::<Basis>("\"docker\"").is_err());
        for (source, counted) in CountSource::ALL.into_iter().flat_map(|s| Counted::ALL.map(|c| (s, c))) {
            let (by, source, counted) = (Basis::By(source, counted), source.label(), counted.label());
            assert_eq!(by.label(), format!("{counted} ({source})"));
            assert_eq!(by.key(), format!("{source}_{counted}"));
            assert!(Basis::ALL.contains(&by));
        }
    }

    #[test]
    fn what_was_asked_for_is_held_against_what_the_same_source_says_runs() {
        for running in Basis::COUNTED.into_iter().filter(|basis| basis.is_running()) {
            let wanted = running.wanted_beside().unwrap();
            assert!(Basis::WANTED.contains(&wanted));
            assert_eq!(wanted.label().replace("desired", "running"), running.label());
        }
        assert_eq!(Basis::Responding.wanted_beside(), None);
    }
}
