//! The columns that were asked for, found by name.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type as Physical;
use parquet::schema::types::SchemaDescriptor;

use super::super::cells;
use super::super::row::Fields;

/// Where prompts are.
#[derive(Debug, Clone, Copy)]
pub(super) enum PromptColumn {
    /// Texts, in this leaf.
    Text(usize),
    /// Conversations as JSON, in this leaf.
    Json(usize),
    /// Conversations as lists of structs, in this root column.
    Messages(usize),
}

/// A file's columns.
pub(super) struct Columns<'a> {
    pub(super) path: &'a Path,
    pub(super) schema: &'a SchemaDescriptor,
    pub(super) arrow: &'a ArrowReaderMetadata,
}

impl Columns<'_> {
    fn root(&self, name: &str) -> Option<usize> {
        self.schema.root_schema().get_fields().iter().position(|field| field.name() == name)
    }

    /// The column that was named, else `messages` or `text`.
    pub(super) fn prompt(&self, fields: &Fields) -> Result<PromptColumn> {
        let named = fields.messages.is_some() || fields.text.is_some();
        let messages = if fields.messages.is_some() || !named { self.root(fields.messages()) } else { None };
        let text = if fields.text.is_some() || !named { self.root(fields.text()) } else { None };
        match (messages, text) {
            (Some(root), _) => self.messages(root, fields.messages()),
            (None, Some(root)) => self
                .leaf(root)
                .map(PromptColumn::Text)
                .with_context(|| format!("{}: column `{}` has no texts", self.path.display(), fields.text())),
            (None, None) => self.none(fields),
        }
    }

    fn none(&self, fields: &Fields) -> Result<PromptColumn> {
        let names: Vec<&str> =
            self.schema.root_schema().get_fields().iter().map(|field| field.name()).collect();
        bail!(
            "{}: there is no column `{}`; name the column of texts with --text or that of conversations with --messages. \
             There are {}",
            self.path.display(),
            fields.text.as_deref().or(fields.messages.as_deref()).unwrap_or("text` or `messages"),
            names.join(", ")
        );
    }

    fn messages(&self, root: usize, name: &str) -> Result<PromptColumn> {
        if let Ok(leaf) = self.leaf(root) {
            return Ok(PromptColumn::Json(leaf));
        }
        let kind = self.arrow.schema().field(root).data_type();
        ensure!(
            cells::is_readable(kind) && !cells::is_readable_alone(kind),
            "{}: column `{name}` is {kind}; conversations are JSON or lists of structs with `role` and `content`",
            self.path.display()
        );
        Ok(PromptColumn::Messages(root))
    }

    /// The leaf of a root column of strings or bytes.
    fn leaf(&self, root: usize) -> Result<usize> {
        let mut leaves =
            (0..self.schema.num_columns()).filter(|leaf| self.schema.get_column_root_idx(*leaf) == root);
        let leaf = leaves.next().context("it has no values")?;
        let column = self.schema.column(leaf);
        let alone =
            leaves.next().is_none() && column.max_rep_level() == 0 && column.path().parts().len() == 1;
        ensure!(alone && column.physical_type() == Physical::BYTE_ARRAY, "its cells are no strings");
        Ok(leaf)
    }

    /// The column that was named, else `id` if there is one that can be used.
    pub(super) fn id(&self, fields: &Fields) -> Result<Option<usize>> {
        let usable = |root: &usize| cells::is_readable_alone(self.arrow.schema().field(*root).data_type());
        let found = self.root(fields.id()).filter(usable);
        ensure!(
            found.is_some() || fields.id.is_none(),
            "{}: there is no column `{}` of strings or numbers",
            self.path.display(),
            fields.id()
        );
        Ok(found)
    }
}
