//! The records of a file, whatever its format.

use serde_json::{Map, Value};

use crate::manifest::{Adapter, Format};

/// What is wrong, at which record from 0.
type Fault = (usize, String);

/// All records of `text` with their columns by name.
pub(super) fn of(text: &str, adapter: &Adapter) -> Result<Vec<Map<String, Value>>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match adapter.format {
        Format::Jsonl => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let parsed = lines
                .enumerate()
                .map(|(i, line)| serde_json::from_str(line).map_err(|error| (i, error.to_string())));
            parsed
                .enumerate()
                .map(|(i, value)| columns(value?, adapter).map_err(|message| (i, message)))
                .collect()
        }
        Format::Json => {
            let whole: Value = serde_json::from_str(text).map_err(|error| (0, error.to_string()))?;
            let values = arrays(whole, adapter).map_err(|message| (0, message))?;
            let named = |(i, value)| columns(value, adapter).map_err(|message| (i, message));
            values.into_iter().enumerate().map(named).collect()
        }
        Format::Csv => csv(text),
    }
}

/// The records of a JSON document: an array, the array under a key, or the arrays of all keys.
fn arrays(whole: Value, adapter: &Adapter) -> Result<Vec<Value>, String> {
    match (whole, &adapter.records) {
        (Value::Array(values), None) => Ok(values),
        (Value::Object(mut object), Some(key)) => match object.remove(key) {
            Some(Value::Array(values)) => Ok(values),
            _ => Err(format!("there is no array `{key}`")),
        },
        (Value::Object(object), None) => {
            let of_key = |(key, value)| match value {
                Value::Array(values) => Ok(values),
                _ => Err(format!("`{key}` is not an array")),
            };
            object.into_iter().map(of_key).collect::<Result<Vec<_>, _>>().map(|arrays| arrays.concat())
        }
        _ => Err("the document is not an array of records".to_owned()),
    }
}

/// The columns of a record: its own keys, those of the object inside it, or the adapter's names for its members.
fn columns(value: Value, adapter: &Adapter) -> Result<Map<String, Value>, String> {
    match (value, &adapter.inside) {
        (Value::Object(mut object), Some(key)) => match object.remove(key) {
            Some(Value::Object(inside)) => Ok(inside),
            _ => Err(format!("there is no object `{key}`")),
        },
        (Value::Object(object), None) => Ok(object),
        (Value::Array(members), None) if members.len() == adapter.columns.len() => {
            Ok(adapter.columns.iter().cloned().zip(members).collect())
        }
        (Value::Array(members), None) => {
            Err(format!("{} members, where the manifest names {}", members.len(), adapter.columns.len()))
        }
        _ => Err("neither an object nor an array".to_owned()),
    }
}

fn csv(text: &str) -> Result<Vec<Map<String, Value>>, Fault> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| (0, error.to_string()))?.clone();
    let record = |(i, record): (usize, Result<csv::StringRecord, csv::Error>)| {
        let record = record.map_err(|error| (i, error.to_string()))?;
        let named = header.iter().zip(&record);
        Ok(named.map(|(name, field)| (name.to_owned(), Value::from(field))).collect())
    };
    reader.records().enumerate().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Labelling;

    fn adapter(format: Format, records: Option<&str>, inside: Option<&str>, columns: &[&str]) -> Adapter {
        Adapter {
            format,
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            records: records.map(str::to_owned),
            inside: inside.map(str::to_owned),
            id: "{row}".to_owned(),
            text: vec!["q".to_owned()],
            max_chars: None,
            label: Labelling::default(),
        }
    }

    #[test]
    fn every_layout_gives_the_same_records() {
        let cases = [
            (
                adapter(Format::Jsonl, None, None, &[]),
                "\u{feff}{\"q\":\"a\",\"k\":\"1\"}\r\n\n{\"q\":\"b\",\"k\":\"2\"}",
            ),
            (adapter(Format::Json, None, None, &[]), "[{\"q\":\"a\",\"k\":\"1\"},{\"q\":\"b\",\"k\":\"2\"}]"),
            (
                adapter(Format::Json, None, None, &["q", "k"]),
                "{\"train\":[[\"a\",\"1\"]],\"test\":[[\"b\",\"2\"]]}",
            ),
            (
                adapter(Format::Json, Some("rows"), Some("row"), &[]),
                "{\"n\":2,\"rows\":[{\"row\":{\"q\":\"a\",\"k\":\"1\"}},{\"row\":{\"q\":\"b\",\"k\":\"2\"}}]}",
            ),
            (adapter(Format::Csv, None, None, &[]), "q,k\na,1\n\"b\",2\n"),
        ];
        for (adapter, text) in cases {
            let records = of(text, &adapter).expect(text);
            let short: Vec<_> = records.iter().map(|r| (r["q"].as_str(), r["k"].as_str())).collect();
            assert_eq!(short, [(Some("a"), Some("1")), (Some("b"), Some("2"))], "{text}");
        }
    }

    #[test]
    fn other_layouts_are_refused() {
        for (adapter, text, message) in [
            (adapter(Format::Jsonl, None, None, &[]), "{\"q\":\"a\"}\n{\"q\"", "EOF"),
            (adapter(Format::Json, Some("rows"), None, &[]), "{\"data\":[]}", "no array `rows`"),
            (adapter(Format::Json, None, None, &[]), "{\"data\":1}", "`data` is not an array"),
            (
                adapter(Format::Json, None, None, &["q"]),
                "[[\"a\",\"b\"]]",
                "2 members, where the manifest names 1",
            ),
            (adapter(Format::Json, None, Some("row"), &[]), "[{\"q\":\"a\"}]", "no object `row`"),
        ] {
            let (_, found) = of(text, &adapter).expect_err(message);
            assert!(found.contains(message), "{found}");
        }
    }
}
