//! Values as YAML, in blocks. Text is always quoted, as JSON quotes it, which YAML 1.2 reads the same: so no word is ever taken for
//! a number, a date or a truth.

use serde_json::Value;

/// A document.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::from("---\n");
    block(value, 0, &mut text);
    text
}

/// A value that stands on lines of its own.
fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                text.push_str(&indent);
                text.push_str(&key(name));
                text.push(':');
                after(value, depth + 1, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&indent);
                text.push('-');
                entry(item, depth + 1, text);
            }
        }
        scalar => {
            text.push_str(&indent);
            text.push_str(&scalar.to_string());
            text.push('\n');
        }
    }
}

/// What stands behind a name: on its line where it is short, below it where it is not.
fn after(value: &Value, depth: usize, text: &mut String) {
    if is_block(value) {
        text.push('\n');
        block(value, depth, text);
    } else {
        text.push(' ');
        text.push_str(&value.to_string());
        text.push('\n');
    }
}

/// What stands behind a hyphen: the first line of a block beside it.
fn entry(value: &Value, depth: usize, text: &mut String) {
    if is_block(value) {
        let mut own = String::new();
        block(value, depth, &mut own);
        // The hyphen takes the place of the indent's last column but one.
        text.push(' ');
        text.push_str(own.trim_start());
    } else {
        after(value, depth, text);
    }
}

/// Whether it takes lines of its own: nothing that is empty does.
fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A name without quotes where it can be nothing else.
fn key(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
        && !matches!(
            name.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        );
    if is_plain { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_become_blocks() {
        let value = json!({
            "kind": "Job",
            "list": [{ "a": 1, "b": ["x", "y"] }, ["deep", { "c": null }], 3],
            "empty": {}, "none": [],
            "text": "no: \"quotes\"\nand # lines",
            "on": true,
        });
        let expected = "---\nempty: {}\nkind: \"Job\"\nlist:\n  - a: 1\n    b:\n      - \"x\"\n      - \"y\"\n  - - \"deep\"\n    - c: null\n  - 3\n\
                        none: []\n\"on\": true\ntext: \"no: \\\"quotes\\\"\\nand # lines\"\n";
        assert_eq!(document(&value), expected);
    }
}
