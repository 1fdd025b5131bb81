//! The request that the words of a command describe.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::cli::RequestArgs;
use crate::commands::CommandError;
use crate::commands::sending::{check_certificates, check_length, headers};
use crate::files;
use crate::plan::Plan;
use crate::requests;
use crate::values;
use scaletop_load::{Mix, RequestName, RequestOptions};

/// Headers that every request has, or that say how its body is sent.
const OF_THE_REQUEST: [HeaderName; 5] = [HOST, USER_AGENT, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];

/// `url` with `path` in place of its own path and query, if one is given.
pub(super) fn join(mut url: Url, path: Option<&str>) -> Url {
    if let Some(path) = path {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
    }
    url
}

/// The request that `args` describe, or the several ones, to `url`; `seed` draws which of them are sent, and what stands in them.
pub(super) fn request_options(args: &RequestArgs, url: Url, seed: u64) -> Result<RequestOptions, CommandError> {
    check_length(&url)?;
    let mix = args.requests.as_deref().map(|path| requests::read(path, args.rows(), seed).map(Arc::new)).transpose()?;
    let body = body(args)?;
    let mut headers = headers(&args.headers)?;
    if let Some(user) = &args.user {
        add(&mut headers, "--user", AUTHORIZATION, basic(user)?)?;
    }
    if let Some(agent) = &args.user_agent {
        let agent = values::header(&format!("user-agent: {agent}"))?.1;
        add(&mut headers, "--user-agent", USER_AGENT, agent)?;
    }
    if let Some(path) = &args.cacert {
        check_certificates(path)?;
    }
    Ok(RequestOptions {
        method: values::method(args.method())?,
        due_header: due_header(args, &headers)?,
        headers,
        body,
        timeout: args.timeout,
        insecure: args.insecure,
        cacert: args.cacert.clone(),
        http2: args.http2,
        keep_alive: !args.no_keepalive,
        conn_max_age: (args.conn_max_age > Duration::ZERO).then_some(args.conn_max_age),
        resolve: args.resolve.iter().map(|text| values::resolve(text)).collect::<Result<_, _>>()?,
        instance_header: values::header_name(&args.instance_header)?,
        mix,
        ..RequestOptions::get(url)
    })
}

/// The request arguments with the several requests that `plan` names, and the plan for a load of these: what was typed goes before
/// what the plan says.
pub(super) fn with_requests(args: &RequestArgs, plan: Plan) -> Result<(RequestArgs, Plan), CommandError> {
    let mut args = args.clone();
    if args.requests.is_none() && plan.requests.is_none() && args.requests_data.is_some() {
        let why =
            "--requests-data does nothing: neither --requests nor the plan sends several requests, whose values it has";
        return Err(CommandError::Option(why.to_owned()));
    }
    if let (None, Some(requests)) = (&args.requests, &plan.requests) {
        let given = [
            ("--method", args.method.is_some()),
            ("--body", args.body.is_some() || args.pasted_body.is_some()),
            ("--body-file", args.body_file.is_some()),
            ("--path", args.path.is_some()),
        ];
        if let Some((option, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
            let why =
                format!("{option} is one request's, and the plan sends those in {}: leave it out", requests.display());
            return Err(CommandError::Option(why));
        }
        // What was typed of the data goes before what the plan says.
        args.requests_data = args.rows().map(Path::to_owned).or_else(|| plan.requests_data.clone());
        args.requests = Some(requests.clone());
    }
    let mix = args.requests.as_deref().map(|path| requests::read(path, args.rows(), 0)).transpose()?;
    let names = mix.as_ref().map(Mix::names).unwrap_or_default();
    let names: Vec<_> = names.iter().map(RequestName::as_str).collect();
    let path = plan.file.clone().unwrap_or_default();
    let plan = plan.resolve(&names).map_err(|source| CommandError::PlanFile { path, source: Box::new(source) })?;
    Ok((args, plan))
}

/// The header that says when a request was due; it is sent once, by us.
fn due_header(args: &RequestArgs, headers: &HeaderMap) -> Result<Option<HeaderName>, CommandError> {
    let Some(name) = args.due_header.as_deref().map(values::header_name).transpose()? else { return Ok(None) };
    if headers.contains_key(&name) || OF_THE_REQUEST.contains(&name) {
        let why = format!("--due-header {name} is a header that the request has already: choose another name");
        return Err(CommandError::Option(why));
    }
    Ok(Some(name))
}

/// Adds the header that `option` is. Where both are options, the nearer one is known by now; a file of headers is not.
fn add(headers: &mut HeaderMap, option: &str, name: HeaderName, value: HeaderValue) -> Result<(), CommandError> {
    if headers.contains_key(&name) {
        let why = format!(
            "{option} and the header {name} in a file of --header say the same, and which one is nearer is not known of a file's \
             lines: take {name} out of that file, or leave {option} out, also as a variable and in scaletop.toml"
        );
        return Err(CommandError::Option(why));
    }
    headers.insert(name, value);
    Ok(())
}

/// The body: as it was given, or from the file that `@` names.
fn body(args: &RequestArgs) -> Result<Option<Bytes>, CommandError> {
    if let Some(pasted) = &args.pasted_body {
        return Ok(Some(pasted.clone()));
    }
    let path = match (args.body(), &args.body_file) {
        (Some(body), _) => match body.strip_prefix('@') {
            Some(path) => PathBuf::from(path),
            None => return Ok(Some(Bytes::from(body.to_owned().into_bytes()))),
        },
        (None, Some(path)) => path.clone(),
        (None, None) => return Ok(None),
    };
    let read = if files::is_standard_input(&path) {
        files::standard_input(files::MOST_BODY).map(Bytes::from_static)
    } else {
        files::read(&path, files::MOST_BODY).map(Bytes::from)
    };
    read.map(Some).map_err(|source| CommandError::ReadBody { path, source })
}

/// `user:password` as a header (RFC 7617). It is a secret: nothing prints it.
fn basic(user: &str) -> Result<HeaderValue, CommandError> {
    if !user.contains(':') {
        return Err(CommandError::Option("-u takes USER:PASSWORD; nobody is asked for the password".to_owned()));
    }
    let (_, value) = values::header(&format!("authorization: Basic {}", BASE64_STANDARD.encode(user)))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_replaces_the_targets_own() {
        let url: Url = "http://127.0.0.1:1/old?x=1".parse().unwrap();
        assert_eq!(join(url.clone(), Some("/new?delay=5")).as_str(), "http://127.0.0.1:1/new?delay=5");
        assert_eq!(join(url.clone(), None), url);
    }
}
