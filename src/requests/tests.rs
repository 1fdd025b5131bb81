//! What people write down, and what is said of what cannot be sent.

use std::fs;

use super::*;

/// The requests of `text`, in a folder that has `files` beside it.
fn read_text(text: &str, files: &[(&str, &str)]) -> Result<Vec<RequestSpec>, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let path = folder.path().join("requests");
    fs::write(&path, text).unwrap();
    let data = files.iter().find(|(name, _)| *name == "rows.csv").map(|(name, _)| folder.path().join(name));
    let shown = |error: RequestsError| error.to_string().replace(&format!("{}/", folder.path().display()), "");
    read(&path, data.as_deref(), 1).map(|mix| mix.spec().requests.clone()).map_err(shown)
}

fn said(text: &str) -> Vec<String> {
    let of = |spec: RequestSpec| {
        let headers: Vec<_> = spec.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!(
            "{} ×{}: {} {} [{}] {}",
            spec.name,
            spec.weight,
            spec.method,
            spec.target,
            headers.join(","),
            spec.body.as_deref().unwrap_or("–")
        )
    };
    read_text(text, &[("order.json", "{\"n\": {{n}}}\n"), ("rows.csv", "\u{feff}city, word\nAix,\"a, b\"\n")])
        .unwrap_or_else(|error| panic!("{error}"))
        .into_iter()
        .map(of)
        .collect()
}

#[test]
fn requests_are_read_from_toml() {
    let text = r#"
        [[request]]
        name = "search"
        weight = 7
        path = "/search?q={{csv.word}}"
        headers = { accept = "text/html" }
        [[request]]
        url = "http://127.0.0.1:8080/orders/{{n}}"
        body = "@order.json"
        [[request]]
        path = "/"
        method = "HEAD"
    "#;
    assert_eq!(
        said(text),
        [
            "search ×7: GET /search?q={{csv.word}} [accept=text/html] –",
            "POST /orders/… ×1: POST http://127.0.0.1:8080/orders/{{n}} [] {\"n\": {{n}}}\n",
            "HEAD / ×1: HEAD / [] –",
        ]
    );
}

#[test]
fn requests_are_read_as_vegeta_writes_them() {
    let text = "# targets\nGET http://127.0.0.1:8080/a?key=secret\nX-Id: 7\n\nPOST /b\ncontent-type: application/json\n@order.json\n\
                GET http://127.0.0.1:8080/a?key=secret\nx-id: 8\nPOST /b\ncontent-type: application/json\n@order.json\n";
    assert_eq!(
        said(text),
        [
            "GET /a ×1: GET http://127.0.0.1:8080/a?key=secret [X-Id=7] –",
            "POST /b ×2: POST /b [content-type=application/json] {\"n\": {{n}}}\n",
            "GET /a ×1: GET http://127.0.0.1:8080/a?key=secret [x-id=8] –",
        ]
    );
}

#[test]
fn thousands_of_paths_get_names_that_can_be_read() {
    let text = (0..1_000).map(|n| format!("GET /items/{n}/{}", n % 3)).collect::<Vec<_>>().join("\n");
    let names: std::collections::BTreeSet<_> =
        read_text(&text, &[]).unwrap().into_iter().map(|spec| spec.name.to_string()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["GET /items/…"]);
    let many = (0..100).map(|n| format!("GET /{n}\nDELETE /{n}")).collect::<Vec<_>>().join("\n");
    let names: std::collections::BTreeSet<_> =
        read_text(&many, &[]).unwrap().into_iter().map(|spec| spec.name.to_string()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["DELETE", "GET"]);
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    let named = (0..40).map(|n| format!("[[request]]\nname = \"r{n}\"\npath = \"/\"")).collect::<Vec<_>>().join("\n");
    for (text, says) in [
        ("", "requests: there is no request in it"),
        ("[[request]]\nname = \"a\"\n", "requests, line 1: the request has no path"),
        ("[[request]]\npath = \"/\"\nurl = \"http://a\"\n", "requests, line 1: a request has a path or a url"),
        ("[[request]]\npath = \"/\"\nweight = 0\n", "line 1: a weight is a whole number from 1 on"),
        ("[[request]]\npath = \"/\"\nwegiht = 2\n", "line 3: unknown field `wegiht`"),
        ("[request]\npath = \"/\"\n", "write [[request]]"),
        ("[[stage]]\nrate = 5\n", "this is a plan"),
        ("[[request]]\npath = \"/\"\nbody = \"@missing\"\n", "requests, line 1: cannot read the body from missing"),
        ("[[request]]\npath = \"/{{x}}\"\n", "requests: the path of request GET /…: `{{x}}` is no value"),
        ("GET /a\nnonsense\n", "requests, line 2: neither METHOD URL"),
        ("GET /a\n@order.json\n@order.json\n", "requests, line 3: a request has one body"),
        ("[[request]]\nname = \"a\\nb\"\npath = \"/\"\n", "line 1: a name holds a line break"),
        ("[[request]]\nname = \"failed\"\npath = \"/\"\n", "`failed` cannot be a name"),
        ("[[request]]\nname = \"x.all\"\npath = \"/\"\n", "`all` cannot be a name"),
        ("[[request]]\npath = \"/../up\"\n", "`.` and `..` in a path are resolved"),
        ("[[request]]\nurl = \"http://u:secret@h/\"\n", "its URL has a user"),
        ("[[request]]\npath = \"/\"\nbody = \"@\"\n", "names a file"),
        ("get /a\n", "neither [[request]] nor METHOD and path"),
        ("GET /a b HTTP/1.1\n", "requests, line 1: what follows the method is a path or URL alone"),
        (&named, "40 names are more than 32"),
    ] {
        let error = read_text(text, &[("order.json", "1")]).expect_err(text);
        assert!(error.contains(says), "{text:?}: {error}");
    }
    let secret = "[[request]]\npath = \"/\"\nheaders = \"authorization: secret\"\n";
    assert!(!read_text(secret, &[]).unwrap_err().contains("secret"), "what was found may be a secret");
    for (csv, says) in [
        ("", "rows.csv: it is empty"),
        ("a,b\n", "rows.csv: it has a row of names and no data"),
        ("a,a\n1,2\n", "rows.csv: two columns are called `a`"),
        ("a,b\n1,2\n3\n", "rows.csv, line 3: the row has 1 values, and there are 2 columns"),
    ] {
        let error = read_text("GET /\n", &[("rows.csv", csv)]).expect_err(csv);
        assert!(error.contains(says), "{csv:?}: {error}");
    }
}
