//! For which service and region a request is signed.

use super::ValueError;

/// A service and a region to sign for, as AWS Signature Version 4 names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4 {
    /// The service's name in signatures: `execute-api`. `None`: the one that the host names.
    pub service: Option<String>,
    /// `eu-west-1`. `None`: the one that the host names, else the one that is configured.
    pub region: Option<String>,
}

/// `SERVICE` or `SERVICE:REGION`; or as curl has it, `aws:amz[:REGION[:SERVICE]]`.
pub(crate) fn sigv4(text: &str) -> Result<SigV4, ValueError> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let (service, region) = match parts.as_slice() {
        ["aws", "amz", rest @ ..] if rest.len() <= 2 => (rest.get(1), rest.first()),
        [service] => (Some(service), None),
        [service, region] => (Some(service), Some(region)),
        _ => return Err(ValueError::SigV4(text.to_owned())),
    };
    if [service, region].into_iter().flatten().any(|name| !is_name(name)) {
        return Err(ValueError::SigV4(text.to_owned()));
    }
    let owned = |name: Option<&&str>| name.map(|name| (*name).to_owned());
    Ok(SigV4 { service: owned(service), region: owned(region) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_and_a_region_are_read_in_our_words_and_in_curls() {
        let read =
            |text: &str| sigv4(text).map(|read| (read.service.unwrap_or_default(), read.region.unwrap_or_default()));
        let is = |service: &str, region: &str| Ok((service.to_owned(), region.to_owned()));
        assert_eq!(read("lambda"), is("lambda", ""));
        assert_eq!(read(" execute-api:eu-west-1 "), is("execute-api", "eu-west-1"));
        assert_eq!(read("aws:amz:us-east-1:es"), is("es", "us-east-1"));
        assert_eq!(read("aws:amz"), is("", ""));
        assert_eq!(read("aws:amz:us-east-1"), is("", "us-east-1"));
        for wrong in ["", "a:b:c", "aws:amz:a:b:c", "Lambda", "lambda:", "a b", "goog4:storage:x:y"] {
            assert!(sigv4(wrong).unwrap_err().to_string().contains("names no service"), "{wrong}");
        }
    }
}
