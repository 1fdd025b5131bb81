//! What is at the bottom of an error, told by the types in its chain of causes, never by its text.

use std::error::Error as StdError;
use std::io;

/// The connection was closed, reset or abandoned under the request.
pub(super) fn is_reset(cause: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::NotConnected
        );
    }
    cause.downcast_ref::<hyper::Error>().is_some_and(|error| {
        error.is_incomplete_message() || error.is_closed() || error.is_canceled() || error.is_body_write_aborted()
    })
}

/// Whether `is_it` holds for the error or anything that caused it. An [`io::Error`] that wraps another error hides it
/// from `source`, so it is unwrapped here.
pub(super) fn any_cause(error: &(dyn StdError + 'static), is_it: impl Fn(&(dyn StdError + 'static)) -> bool) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if is_it(cause) {
            return true;
        }
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => cause.source(),
        };
    }
    false
}

/// Whether the error is or was caused by an `E`.
pub(super) fn is_caused_by<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    any_cause(error, <dyn StdError>::is::<E>)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::cause::is_our_limit;

    #[cfg(unix)]
    #[test]
    fn running_out_of_ports_or_descriptors_is_our_failure_however_deep_it_is_wrapped() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL] {
            let wrapped = io::Error::other(io::Error::other(io::Error::from(errno)));
            let is_ours = |cause: &(dyn StdError + 'static)| cause.downcast_ref().is_some_and(is_our_limit);
            assert!(any_cause(&wrapped, is_ours), "{errno:?}");
        }
        assert!(!is_our_limit(&io::Error::from(Errno::CONNREFUSED)));
    }

    #[test]
    fn a_tls_error_inside_an_io_error_is_found_by_its_type() {
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError));
        assert!(is_caused_by::<rustls::Error>(&wrapped));
        assert!(!any_cause(&wrapped, is_reset));
    }
}
