//! The manifest of a source: where it is published, under which licence, how its files become rows.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use pointsman_classifier::HubRepository;
use serde::Deserialize;

use crate::error::DataError;

/// A public data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name, which the `source` column of its rows repeats.
    pub name: String,
    /// The page to read about it.
    pub home: String,
    /// Licence of its texts, an SPDX expression where there is one.
    pub licence: String,
    /// What it is used for: `tasks` or `outcomes`.
    pub purpose: Purpose,
    /// How many of its rows the project uses.
    pub rows: usize,
    /// What a user should know.
    pub note: Option<String>,
    /// Why it cannot be fetched, if it cannot.
    pub unavailable: Option<String>,
    /// The files to fetch, in order.
    pub files: Vec<PublishedFile>,
}

/// What a source is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Prompts with a task.
    Tasks,
    /// Prompts with measured outcomes.
    Outcomes,
}

/// A file as it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedFile {
    /// Where it is.
    pub place: Place,
    /// SHA-256 of its bytes in hexadecimal, where it is known; else the first download is trusted and recorded.
    pub sha256: Option<String>,
    /// How its records become rows.
    pub adapter: Adapter,
    /// What `{each}` stands for in the adapter's templates.
    pub each: Option<String>,
}

/// Where a file is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At an address.
    Url(String),
    /// In a data set on the Hugging Face Hub.
    Hub {
        /// The data set and its revision.
        repository: HubRepository,
        /// The file's path in it.
        path: String,
    },
}

/// Digits of a commit's name in git.
const COMMIT_DIGITS: usize = 40;

impl Place {
    /// Whether it names a commit, so that it stands for the same bytes whenever it is asked: as a part of the address, or as
    /// the revision on the Hub. A branch may be at another commit tomorrow.
    #[must_use]
    pub fn names_commit(&self) -> bool {
        let is_commit =
            |part: &str| part.len() == COMMIT_DIGITS && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self {
            Self::Url(url) => url.split('/').any(is_commit),
            Self::Hub { repository, .. } => is_commit(repository.revision()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.pad(url),
            Self::Hub { repository, path } => write!(f, "hf:datasets/{repository}/{path}"),
        }
    }
}

/// How records become rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// How the file holds records. Any format may be gzipped.
    pub format: Format,
    /// Names of the members of records that are arrays.
    pub columns: Vec<String>,
    /// Key under which a JSON object holds the records; without it, the arrays of all its keys are taken one after another.
    pub records: Option<String>,
    /// Key under which a record holds its columns, where they are nested.
    pub inside: Option<String>,
    /// The row's id: `{row}` is the record's number in the file from 0, `{each}` the file's name in a series, `{x}` column
    /// `x`.
    pub id: String,
    /// Columns that make the prompt, an empty line between; empty ones are left out.
    pub text: Vec<String>,
    /// Characters after which the prompt is cut.
    pub max_chars: Option<usize>,
    /// The source's own category.
    pub label: Labelling,
}

/// How a file holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object or array a line.
    Jsonl,
    /// An array of objects or arrays, or an object that holds such arrays.
    Json,
    /// RFC 4180, the first line naming the columns.
    Csv,
}

/// The `weak_label` of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labelling {
    /// The column with the source's category.
    pub column: Option<String>,
    /// Categories of the source → labels; a category that is not listed keeps its name where there is no `otherwise`.
    pub map: BTreeMap<String, String>,
    /// The label of all other rows.
    pub otherwise: Option<String>,
}

/// A manifest as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    name: String,
    home: String,
    licence: String,
    purpose: Purpose,
    rows: usize,
    note: Option<String>,
    unavailable: Option<String>,
    #[serde(default, rename = "file")]
    files: Vec<RawFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    url: Option<String>,
    hub: Option<String>,
    path: Option<String>,
    sha256: Option<String>,
    #[serde(default)]
    each: Vec<String>,
    format: Format,
    #[serde(default)]
    columns: Vec<String>,
    records: Option<String>,
    inside: Option<String>,
    id: String,
    text: Vec<String>,
    max_chars: Option<usize>,
    label_column: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    label: Option<String>,
}

impl Source {
    /// Reads the manifest `path`, whose file name is the source's.
    ///
    /// # Errors
    /// When it cannot be read or does not say what is needed.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = std::fs::read_to_string(path).map_err(|error| DataError::io(path, error))?;
        let source = Self::parse(&text).map_err(|message| DataError::manifest(path, message))?;
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if stem == Some(&source.name) {
            Ok(source)
        } else {
            Err(DataError::manifest(path, format!("`name` is `{}`; it must be the file's name", source.name)))
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let raw: RawSource = toml::from_str(text).map_err(|error| error.to_string())?;
        if raw.unavailable.is_some() != raw.files.is_empty() {
            return Err("give either [[file]] tables or `unavailable` with the reason".to_owned());
        }
        let mut files = Vec::new();
        for file in raw.files {
            files.extend(file.resolve()?);
        }
        Ok(Self {
            name: raw.name,
            home: raw.home,
            licence: raw.licence,
            purpose: raw.purpose,
            rows: raw.rows,
            note: raw.note,
            unavailable: raw.unavailable,
            files,
        })
    }
}

impl RawFile {
    /// The files that the table stands for: one, or one for each of a series.
    fn resolve(self) -> Result<Vec<PublishedFile>, String> {
        if let Some(hash) = &self.sha256 {
            if !self.each.is_empty() {
                return Err("`sha256` belongs to one file; leave it out where there is `each`".to_owned());
            }
            if hash.len() != 64 || !hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(format!("`sha256` is `{hash}`; it must be 64 digits of 0-9 and a-f"));
            }
        }
        if self.text.is_empty() {
            return Err("`text` names no column".to_owned());
        }
        let adapter = Adapter {
            format: self.format,
            columns: self.columns.clone(),
            records: self.records.clone(),
            inside: self.inside.clone(),
            id: self.id.clone(),
            text: self.text.clone(),
            max_chars: self.max_chars,
            label: Labelling {
                column: self.label_column.clone(),
                map: self.labels.clone(),
                otherwise: self.label.clone(),
            },
        };
        let file = |each: Option<&String>| -> Result<PublishedFile, String> {
            Ok(PublishedFile {
                place: self.place(each.map_or("", String::as_str))?,
                sha256: self.sha256.clone(),
                adapter: adapter.clone(),
                each: each.cloned(),
            })
        };
        if self.each.is_empty() {
            return Ok(vec![file(None)?]);
        }
        self.each.iter().map(|each| file(Some(each))).collect()
    }

    fn place(&self, each: &str) -> Result<Place, String> {
        let named = |template: &str| template.replace("{each}", each);
        match (&self.url, &self.hub, &self.path) {
            (Some(url), None, None) if url.starts_with("https://") || url.starts_with("http://") => {
                Ok(Place::Url(named(url)))
            }
            (Some(url), None, None) => Err(format!("`url` is `{url}`; it must start with https://")),
            (None, Some(hub), Some(path)) => {
                let repository: HubRepository = hub.parse().map_err(|error| format!("`hub`: {error}"))?;
                Ok(Place::Hub { repository: repository.of_data_set(), path: named(path) })
            }
            _ => Err("a [[file]] needs `url`, or `hub` and `path`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "name = \"s\"\nhome = \"https://h\"\nlicence = \"MIT\"\npurpose = \"tasks\"\nrows = 2\n";

    #[test]
    fn a_series_is_one_file_for_each_name() {
        let text = format!(
            "{HEAD}[[file]]\nurl = \"https://h/{{each}}.csv\"\neach = [\"a\", \"b\"]\nformat = \"csv\"\n\
             id = \"s-{{each}}-{{row}}\"\ntext = [\"q\"]\nlabel = \"math\""
        );
        let source = Source::parse(&text).expect("valid");
        let places: Vec<String> = source.files.iter().map(|file| file.place.to_string()).collect();
        assert_eq!(places, ["https://h/a.csv", "https://h/b.csv"]);
        assert_eq!(source.files[1].each.as_deref(), Some("b"));
    }

    #[test]
    fn a_commit_is_told_from_a_branch() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let hub = |name: &str| Place::Hub {
            repository: name.parse::<HubRepository>().expect("a repository").of_data_set(),
            path: "a.jsonl".to_owned(),
        };
        for (place, names) in [
            (Place::Url(format!("https://h/org/set/{commit}/a.csv")), true),
            (Place::Url("https://h/org/set/main/a.csv".to_owned()), false),
            (hub(&format!("org/set@{commit}")), true),
            (hub("org/set@v1"), false),
            (hub("org/set"), false),
        ] {
            assert_eq!(place.names_commit(), names, "{place}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let file = "format = \"jsonl\"\nid = \"{row}\"\ntext = [\"q\"]\n";
        for (tables, message) in [
            (String::new(), "either [[file]] tables or `unavailable`"),
            (format!("[[file]]\n{file}"), "needs `url`, or `hub` and `path`"),
            (format!("[[file]]\nurl = \"ftp://h\"\n{file}"), "must start with https://"),
            (format!("[[file]]\nhub = \"name\"\npath = \"p\"\n{file}"), "`hub`: `name` is not a repository"),
            (format!("[[file]]\nurl = \"https://h\"\nsha256 = \"XY\"\n{file}"), "64 digits"),
            (format!("[[file]]\nurl = \"https://h\"\nshape = 1\n{file}"), "unknown field `shape`"),
            (
                format!(
                    "[[file]]\nurl = \"https://h\"\nsha256 = \"{}\"\neach = [\"a\"]\n{file}",
                    "0".repeat(64)
                ),
                "belongs to one file",
            ),
        ] {
            let error = Source::parse(&format!("{HEAD}{tables}")).expect_err(message);
            assert!(error.contains(message), "{error}");
        }
    }
}
