//! What a signature of AWS costs each request (`--sigv4`): on the threads that send, at the moment of sending.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use http::Method;
use http::header::{HOST, HeaderMap, HeaderValue};
use scaletop::{Signer, ToSign};

fn sign(criterion: &mut Criterion) {
    let signer = Signer::of_key("execute-api", "eu-west-1", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("abc123.execute-api.eu-west-1.amazonaws.com"));
    let now = SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636);
    let mut group = criterion.benchmark_group("sign");
    for (name, method, body) in [
        ("GET", Method::GET, vec![]),
        ("POST of 1 KiB", Method::POST, vec![b'x'; 1024]),
        ("POST of 64 KiB", Method::POST, vec![b'x'; 65_536]),
    ] {
        let request = ToSign { method: &method, path: "/prod/orders?page=1&size=20", headers: &headers, body: &body };
        group.bench_function(name, |bencher| bencher.iter(|| signer.headers(black_box(&request), now)));
    }
    group.finish();
}

criterion_group!(benches, sign);
criterion_main!(benches);
