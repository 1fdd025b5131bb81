//! Where generators are placed.

use std::fmt;
use std::str::FromStr;

/// Where generators are placed, as it is typed after `--on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Child processes on this machine.
    Local,
    /// Other machines, each by the name that ssh knows it by.
    Ssh(Vec<String>),
    /// Fargate tasks on this ECS cluster.
    Ecs(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Ssh(hosts) => write!(f, "ssh:{}", hosts.join(",")),
            Self::Ecs(cluster) => write!(f, "ecs:{cluster}"),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "local" {
            return Ok(Self::Local);
        }
        match text.split_once(':') {
            Some(("ssh", hosts)) => hosts.split(',').map(host).collect::<Result<_, _>>().map(Self::Ssh),
            Some(("ecs", cluster)) if is_cluster(cluster) => Ok(Self::Ecs(cluster.to_owned())),
            Some(("ecs", cluster)) => Err(format!("`{cluster}` is no ECS cluster: give its name or its ARN")),
            _ => Err(format!("`{text}` is no place for generators: write local, ssh:HOST,HOST or ecs:CLUSTER")),
        }
    }
}

/// A host as ssh takes it: a name of its configuration, `user@host`, an address. One that begins with a hyphen would be an
/// option, and one with spaces is two words.
fn host(text: &str) -> Result<String, String> {
    let is_host = !text.is_empty()
        && !text.starts_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | ':' | '[' | ']' | '%'));
    if is_host { Ok(text.to_owned()) } else { Err(format!("`{text}` is no host that ssh could be given")) }
}

/// A name has letters, digits, hyphens and underscores; an ARN also colons and slashes.
fn is_cluster(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_arn = |text: &str| {
        text.starts_with("arn:")
            && text.contains(":cluster/")
            && text.chars().all(|c| is_part(c) || matches!(c, ':' | '/'))
    };
    !text.is_empty() && (text.chars().all(is_part) || is_arn(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in [
            "local",
            "ssh:a,root@b.example,[fe80::1%eth0]",
            "ecs:load",
            "ecs:arn:aws:ecs:eu-west-1:123456789012:cluster/load",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nothing_that_ssh_would_take_for_an_option_or_a_shell_for_a_command_is_a_host() {
        for wrong in [
            "ssh:",
            "ssh:a,",
            "ssh:-oProxyCommand=x",
            "ssh:a b",
            "ssh:a;b",
            "ssh:$(x)",
            "ecs:",
            "ecs:a b",
            "k8s:x",
            "there",
        ] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong:?}");
        }
    }
}
