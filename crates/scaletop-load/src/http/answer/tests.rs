//! Answers as services give them, whole and in pieces.

use std::fmt::Write as _;

use http::header::HeaderName;
use proptest::prelude::*;

use super::*;

fn ids() -> Ids {
    Ids::new(HeaderName::from_static("x-instance-id"))
}

/// What the whole text is, as (status, bytes of the body, keeps alive), fed in pieces of `size`.
fn read(text: &[u8], size: usize) -> Result<(Option<u16>, u64, bool, bool), Malformed> {
    let mut answer = Answer::new(false);
    let mut is_complete = false;
    for piece in text.chunks(size) {
        is_complete = answer.feed(piece, &ids())?;
    }
    Ok((answer.status, answer.bytes, answer.keeps_alive, is_complete))
}

#[test]
fn an_answer_ends_where_its_framing_says() {
    let cases: [(&str, u16, u64, bool, bool); 16] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, 2, true, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 200, 2, false, true),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, 2, false, true),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok", 200, 2, true, true),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, 13, false, false),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, 0, true, true),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n", 304, 0, true, true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
            404,
            0,
            true,
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
            200,
            31,
            true,
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\ncontent-length: 9\r\n\r\n1\r\nx\r\n0\r\nt: v\r\n\r\n",
            200,
            1,
            true,
            true,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1", 200, 2, false, true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", 200, 2, true, false),
        ("HTTP/1.1 200 OK\r\nconnection: close, keep-alive\r\ncontent-length: 2\r\n\r\nok", 200, 2, false, true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\ncontent-length: 5\r\n\r\nhello", 200, 5, true, true),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: two\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            200,
            1,
            true,
            true,
        ),
        ("HTTP/1.1 204 No Content\r\ncontent-length: none\r\n\r\n", 204, 0, true, true),
    ];
    for (text, status, bytes, keeps_alive, is_complete) in cases {
        let whole = read(text.as_bytes(), text.len());
        assert_eq!(whole, Ok((Some(status), bytes, keeps_alive, is_complete)), "{text:?}");
    }
}

#[test]
fn an_answer_to_head_has_no_body_whatever_it_announces() {
    let mut answer = Answer::new(true);
    assert_eq!(answer.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", &ids()), Ok(true));
    assert!(answer.keeps_alive);
}

#[test]
fn who_answered_is_read_whatever_the_case_of_the_header() {
    let mut answer = Answer::new(false);
    answer.feed(b"HTTP/1.1 200 OK\r\nX-Instance-ID: a-1\r\ncontent-length: 0\r\n\r\n", &ids()).unwrap();
    assert_eq!(answer.served_by.as_ref().map(InstanceId::as_str), Some("a-1"));
}

#[test]
fn what_is_not_an_answer_is_told_apart() {
    let not_http = |why: &str| Malformed::NotHttp(why.to_owned());
    let cases: [(&[u8], Malformed); 15] = [
        (b"\x15\x03\x03\x00\x02\x02\x0a", Malformed::Tls),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", Malformed::Http2),
        (b"what?\r\n\r\n", not_http("it begins with \"what?\"")),
        (b"SSH-2.0-OpenSSH_9\r\n", not_http("it begins with \"SSH-2.0-OpenSSH_9\"")),
        (b"HTTP/3.7 200 OK\r\n\r\n", not_http("it begins with \"HTTP/3.7 200 OK\"")),
        (b"HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n", not_http("the header in line 2, \"x y\"")),
        (b"HTTP/1.1 200 OK\r\na: b\r\nid: s\x01b\r\n\r\n", not_http("the value of header \"id\" in line 3")),
        (
            b"\x1b[2J0123456789012345678901234567890123456789\r\n",
            not_http("it begins with \"\u{fffd}[2J012345678901234567890123456789012345…\""),
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello", Malformed::Length),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nhello", Malformed::Length),
        (b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok", Malformed::Length),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", Malformed::Length),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello\r\n", Malformed::Chunks),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhello\r\n", Malformed::Chunks),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n", Malformed::Chunks),
    ];
    for (bytes, malformed) in cases {
        assert_eq!(read(bytes, bytes.len()), Err(malformed), "{:?}", String::from_utf8_lossy(bytes));
    }
    let endless = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'a'; MAX_HEAD]].concat();
    assert_eq!(read(&endless, 1_000), Err(Malformed::TooLong));
}

#[test]
fn a_length_that_is_no_number_does_not_matter_where_there_is_no_body() {
    let mut answer = Answer::new(true);
    assert_eq!(answer.feed(b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n", &ids()), Ok(true));
}

#[test]
fn a_head_is_parsed_when_it_ends_and_not_with_every_piece() {
    let cases: [(&[u8], bool); 6] = [
        (b"a: b\r\n\r\n", true),
        (b"a: b\n\n", true),
        (b"\n\r\nbody", true),
        (b"a: b\r\nc: d\r\n", false),
        (b"a: b\r\n\r", false),
        (b"", false),
    ];
    for (bytes, ends) in cases {
        assert_eq!(has_empty_line(bytes), ends, "{:?}", String::from_utf8_lossy(bytes));
    }
    // A byte at a time: parsed with each of them, these 60 KB would be 1.8 GB.
    let head = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'a'; 60_000], b"\r\ncontent-length: 0\r\n\r\n"].concat();
    assert_eq!(read(&head, 1), Ok((Some(200), 0, true, true)));
}

proptest! {
    #[test]
    fn however_an_answer_is_cut_it_is_the_same(
        bodies in prop::collection::vec(0_usize..300, 0..6), interim in any::<bool>(), is_chunked in any::<bool>(), size in 1_usize..40,
    ) {
        let mut text = if interim { "HTTP/1.1 100 Continue\r\n\r\n".to_owned() } else { String::new() };
        let total: usize = bodies.iter().sum();
        if is_chunked {
            text += "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            for body in bodies.iter().filter(|&&body| body > 0) {
                write!(text, "{body:x}\r\n{}\r\n", "b".repeat(*body)).unwrap();
            }
            text += "0\r\n\r\n";
        } else {
            write!(text, "HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n\r\n{}", "b".repeat(total)).unwrap();
        }
        let whole = (Some(200), total as u64, true, true);
        prop_assert_eq!(read(text.as_bytes(), text.len()), Ok(whole));
        prop_assert_eq!(read(text.as_bytes(), size), Ok(whole));
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..50) {
        let _ = read(&bytes, size);
        let _ = read(&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(), &bytes].concat(), size);
    }
}
