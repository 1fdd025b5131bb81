//! The names of container images: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:v1`. Pure.

/// An image in a private ECR registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EcrImage {
    pub(crate) account: String,
    /// The registry's region, which may be another than the service's.
    pub(crate) region: String,
    /// The repository: `demo`, `team/demo`.
    pub(crate) repository: String,
    /// The tag; `latest` when neither tag nor digest is named, as everywhere in the world of containers.
    pub(crate) tag: Option<String>,
    /// The digest: `sha256:…`.
    pub(crate) digest: Option<String>,
}

impl EcrImage {
    /// Takes the name of an image apart; `None` when it is in no private ECR registry (ECR Public, Docker Hub).
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (host, path) = name.split_once('/')?;
        // `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, and the hosts of FIPS and of both IP versions beside it.
        let kinds = [".dkr.ecr.", ".dkr.ecr-fips.", ".dkr-ecr.", ".dkr-ecr-fips."];
        let (account, rest) = kinds.iter().find_map(|kind| host.split_once(kind))?;
        let (region, _) = rest.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account || region.is_empty() {
            return None;
        }
        let (path, digest) = match path.split_once('@') {
            Some((path, digest)) => (path, Some(digest.to_owned())),
            None => (path, None),
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (path, None),
        };
        if repository.is_empty() || tag.as_deref() == Some("") || digest.as_deref() == Some("") {
            return None;
        }
        let tag = if tag.is_none() && digest.is_none() { Some("latest".to_owned()) } else { tag };
        Some(Self {
            account: account.to_owned(),
            region: region.to_owned(),
            repository: repository.to_owned(),
            tag,
            digest,
        })
    }

    /// The repository with tag or short digest: `demo:v1`, `demo@sha256:0123456789ab`.
    #[cfg(any(feature = "aws", test))]
    pub(crate) fn label(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => format!("{}:{tag}", self.repository),
            (None, Some(digest)) => format!("{}@{}", self.repository, short_digest(digest)),
            (None, None) => self.repository.clone(),
        }
    }
}

/// Whether a name that is none of a private ECR registry is the name of an image elsewhere, and not that of a repository: it
/// names a public registry, or a tag or digest, which a repository has not.
pub(crate) fn is_of_another_registry(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    let is_public = name.contains('/') && [".aws", ".com", ".io", ".org"].iter().any(|end| first.ends_with(end));
    is_public || name.contains([':', '@'])
}

/// `sha256:` and the first twelve digits.
#[cfg(any(feature = "aws", test))]
pub(crate) fn short_digest(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> EcrImage {
        EcrImage::parse(name).expect(name)
    }

    #[test]
    fn a_name_is_taken_apart() {
        let demo = image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/demo:v1");
        assert_eq!((demo.account.as_str(), demo.region.as_str()), ("123456789012", "eu-west-1"));
        assert_eq!((demo.repository.as_str(), demo.tag.as_deref(), demo.digest), ("team/demo", Some("v1"), None));
        let pinned = image("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/demo@sha256:0123456789abcdef");
        assert_eq!((pinned.tag.clone(), pinned.digest.as_deref()), (None, Some("sha256:0123456789abcdef")));
        assert_eq!(pinned.label(), "demo@sha256:0123456789ab");
        assert_eq!(image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo").tag.as_deref(), Some("latest"));
        for host in [
            "dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "dkr-ecr.us-gov-west-1.on.aws",
            "dkr-ecr-fips.us-gov-west-1.on.aws",
        ] {
            assert_eq!(image(&format!("123456789012.{host}/demo:v1")).region, "us-gov-west-1", "{host}");
        }
    }

    #[test]
    fn images_of_other_registries_are_none() {
        for name in [
            "public.ecr.aws/aws-containers/hello-app-runner:latest",
            "nginx",
            "nginx:1",
            "",
            "12.dkr.ecr.eu-west-1.amazonaws.com/demo",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:",
            "123456789012.dkr.ecr./x",
        ] {
            assert_eq!(EcrImage::parse(name), None, "{name:?}");
        }
    }
}
