//! Taking a JSON object apart, field by field, so that nothing in it is overlooked.

use serde_json::{Map, Value};

use super::error::TranslationError;
use super::lossy::Lossy;

/// The fields of an object that have not been taken yet. A field that is `null` is as good as absent.
pub(super) struct Fields {
    path: String,
    map: Map<String, Value>,
}

type Taken<T> = Result<Option<T>, TranslationError>;

impl Fields {
    /// The fields of `value`, which stands at `path` (empty for a whole body).
    pub(super) fn of(value: Value, path: impl Into<String>) -> Result<Self, TranslationError> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            _ => Err(TranslationError::new(path, "must be an object")),
        }
    }

    /// The path of the field `key`.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key).filter(|value| !value.is_null())
    }

    pub(super) fn peek(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn error(&self, key: &str, problem: impl Into<String>) -> TranslationError {
        TranslationError::new(self.at(key), problem)
    }

    pub(super) fn string(&mut self, key: &str) -> Taken<String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "must be a string")),
        }
    }

    pub(super) fn required_string(&mut self, key: &str) -> Result<String, TranslationError> {
        self.string(key)?.ok_or_else(|| self.error(key, "is missing"))
    }

    pub(super) fn boolean(&mut self, key: &str) -> Taken<bool> {
        self.of_kind(key, Value::as_bool, "must be true or false")
    }

    pub(super) fn number(&mut self, key: &str) -> Taken<f64> {
        self.of_kind(key, Value::as_f64, "must be a number")
    }

    pub(super) fn count(&mut self, key: &str) -> Taken<u64> {
        self.of_kind(key, Value::as_u64, "must be a whole number from 0")
    }

    pub(super) fn integer(&mut self, key: &str) -> Taken<i64> {
        self.of_kind(key, Value::as_i64, "must be a whole number")
    }

    fn of_kind<T>(&mut self, key: &str, read: fn(&Value) -> Option<T>, problem: &str) -> Taken<T> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => read(&value).map(Some).ok_or_else(|| self.error(key, problem)),
        }
    }

    pub(super) fn list(&mut self, key: &str) -> Taken<Vec<Value>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.error(key, "must be a list")),
        }
    }

    pub(super) fn object(&mut self, key: &str) -> Taken<Self> {
        let path = self.at(key);
        self.take(key).map(|value| Self::of(value, path)).transpose()
    }

    pub(super) fn required_object(&mut self, key: &str) -> Result<Self, TranslationError> {
        self.object(key)?.ok_or_else(|| self.error(key, "is missing"))
    }

    /// Takes fields that say nothing which the other side could miss.
    pub(super) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.map.shift_remove(*key);
        }
    }

    /// Takes a field whose value is `usual`, which says nothing that the other side could miss.
    pub(super) fn ignore_if(&mut self, key: &str, usual: impl Into<Value>) {
        if self.peek(key) == Some(&usual.into()) {
            self.map.shift_remove(key);
        }
    }

    /// Declares what has not been taken.
    pub(super) fn finish(self, lossy: &mut Lossy) {
        for (key, value) in &self.map {
            if !value.is_null() {
                lossy.add(self.at(key));
            }
        }
    }
}

/// Adds `key` if there is a value for it.
pub(super) fn put<V: Into<Value>>(object: &mut Map<String, Value>, key: &str, value: Option<V>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), value.into());
    }
}

/// The object of a `json!` literal.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
