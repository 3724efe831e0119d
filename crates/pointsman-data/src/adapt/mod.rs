//! From the records of a published file to rows.

mod records;

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::DataError;
use crate::fingerprint::{Fingerprint, Listed};
use crate::manifest::{Adapter, PublishedFile, Source};
use crate::rows::{DataRow, open};

/// The rows of one file of `source`, which lies at `path`.
///
/// With a list, rows whose text is on it get the list's id and the others are left out: the list holds what is neither
/// repeated in the source nor near a prompt that is kept out of training, and it is independent of the order in which a
/// publisher's version of the file holds the records. Without one, all rows with a text are kept.
pub(crate) fn rows(
    source: &Source,
    file: &PublishedFile,
    path: &Path,
    mut listed: Option<&mut Listed>,
) -> Result<Vec<DataRow>, DataError> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text).map_err(|error| DataError::io(path, error))?;
    let adapter = &file.adapter;
    let refuse = |(row, message)| DataError::Layout { path: path.to_owned(), row, message };
    let mut rows = Vec::new();
    for (i, record) in records::of(&text, adapter).map_err(refuse)?.into_iter().enumerate() {
        let prompt = adapter.prompt(&record).map_err(|message| refuse((i, message)))?;
        if prompt.is_empty() {
            continue;
        }
        let id = match &mut listed {
            Some(listed) => match listed.take(&Fingerprint::of(&prompt)) {
                Some(id) => id,
                None => continue,
            },
            None => adapter.id(&record, i, file.each.as_deref()).map_err(|message| refuse((i, message)))?,
        };
        rows.push(DataRow {
            id,
            text: prompt,
            source: source.name.clone(),
            license: source.licence.clone(),
            weak_label: adapter.label.of(&record),
        });
    }
    Ok(rows)
}

type Record = Map<String, Value>;

impl Adapter {
    fn prompt(&self, record: &Record) -> Result<String, String> {
        let mut parts = Vec::new();
        for column in &self.text {
            let part = record.get(column).ok_or_else(|| format!("there is no `{column}`"))?;
            let part = part.as_str().ok_or_else(|| format!("`{column}` is not text"))?.trim();
            if !part.is_empty() {
                parts.push(part);
            }
        }
        let text = parts.join("\n\n");
        Ok(match self.max_chars.and_then(|most| text.char_indices().nth(most)) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        })
    }

    fn id(&self, record: &Record, row: usize, each: Option<&str>) -> Result<String, String> {
        let mut id = String::new();
        let mut rest = self.id.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`id` is `{}`: a brace is not closed", self.id))?;
            id += before;
            match (name, each, record.get(name)) {
                ("row", ..) => id += &row.to_string(),
                ("each", Some(each), _) => id += each,
                (_, _, Some(Value::String(text))) => id += text,
                (_, _, Some(Value::Number(number))) => id += &number.to_string(),
                _ => return Err(format!("there is no `{name}`, which the id needs")),
            }
            rest = after;
        }
        Ok(id + rest)
    }
}

impl crate::manifest::Labelling {
    fn of(&self, record: &Record) -> Option<String> {
        let category = self.column.as_ref().and_then(|column| record.get(column)).and_then(Value::as_str);
        let mapped = category.and_then(|category| self.map.get(category).map(String::as_str));
        mapped.or(self.otherwise.as_deref()).or(category).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, Labelling, Place, Purpose};

    fn source(adapter: Adapter) -> Source {
        let place = Place::Url("https://h".to_owned());
        Source {
            name: "s".to_owned(),
            home: String::new(),
            licence: "MIT".to_owned(),
            purpose: Purpose::Tasks,
            rows: 0,
            note: None,
            unavailable: None,
            files: vec![PublishedFile { place, sha256: None, adapter, each: Some("e".to_owned()) }],
        }
    }

    fn adapter(format: Format, text: &[&str]) -> Adapter {
        Adapter {
            format,
            columns: Vec::new(),
            records: None,
            inside: None,
            id: "s-{each}-{row}".to_owned(),
            text: text.iter().map(|&column| column.to_owned()).collect(),
            max_chars: None,
            label: Labelling::default(),
        }
    }

    fn adapt(
        adapter: Adapter,
        content: &str,
        listed: Option<&mut Listed>,
    ) -> Result<Vec<DataRow>, DataError> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("file");
        std::fs::write(&path, content).expect("written");
        let source = source(adapter);
        rows(&source, &source.files[0], &path, listed)
    }

    fn short(rows: &[DataRow]) -> Vec<(&str, &str, Option<&str>)> {
        rows.iter().map(|row| (row.id.as_str(), row.text.as_str(), row.weak_label.as_deref())).collect()
    }

    #[test]
    fn columns_are_joined_and_categories_mapped() {
        let labels = Labelling {
            column: Some("category".to_owned()),
            map: [("general_qa".to_owned(), "open_qa".to_owned())].into(),
            otherwise: None,
        };
        let adapter = Adapter { label: labels, ..adapter(Format::Jsonl, &["instruction", "context"]) };
        let content = "{\"instruction\":\"a \",\"context\":\"b\",\"category\":\"closed_qa\"}\n\
                       {\"instruction\":\"\",\"context\":\"\",\"category\":\"x\"}\n\
                       {\"instruction\":\"c\",\"context\":\"\",\"category\":\"general_qa\"}\n";
        let rows = adapt(adapter, content, None).expect("readable");
        assert_eq!(short(&rows), [("s-e-0", "a\n\nb", Some("closed_qa")), ("s-e-2", "c", Some("open_qa"))]);
    }

    #[test]
    fn ids_may_name_columns_and_texts_are_cut() {
        let adapter = Adapter {
            id: "s-{key}".to_owned(),
            max_chars: Some(2),
            label: Labelling { otherwise: Some("math".to_owned()), ..Labelling::default() },
            ..adapter(Format::Csv, &["q"])
        };
        let rows =
            adapt(adapter.clone(), "q,key\n\"üöä, \"\"x\"\"\",k1\n\"a\nb\",7\n", None).expect("readable");
        assert_eq!(short(&rows), [("s-k1", "üö", Some("math")), ("s-7", "a\n", Some("math"))]);
        let error =
            adapt(Adapter { id: "{no}".to_owned(), ..adapter }, "q,key\na,b\n", None).expect_err("no column");
        assert!(error.to_string().contains("row 0: there is no `no`"), "{error}");
    }

    #[test]
    fn a_list_gives_ids_and_leaves_out_the_rest() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("s.tsv");
        let list = format!("s-40\t{}\ns-41\t{}\n", Fingerprint::of("two"), Fingerprint::of("gone"));
        std::fs::write(&path, list).expect("written");
        let mut listed = Listed::read(&path).expect("readable");
        let content = "[[\"one\"],[\"Two \"],[\"two\"]]";
        let adapter = Adapter { columns: vec!["q".to_owned()], ..adapter(Format::Json, &["q"]) };
        let rows = adapt(adapter, content, Some(&mut listed)).expect("readable");
        assert_eq!(short(&rows), [("s-40", "Two", None)]);
    }
}
