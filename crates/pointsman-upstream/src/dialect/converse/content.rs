//! Blocks of content, written.

use std::collections::BTreeSet;

use aws_smithy_types::base64;
use serde_json::{Value, json};

use super::super::anthropic::{call_id, input};
use super::super::conversation::{Cache, Document, Media, Part, Role, Words};
use super::super::error::TranslationError;
use super::super::fields::{object, put};
use super::super::lossy::Lossy;
use super::super::turns::Spoken;
use super::model::Family;

type Written<T> = Result<T, TranslationError>;

/// The longest name of a document.
const NAME_CHARS: usize = 200;

/// Writes the parts of one request.
#[derive(Debug)]
pub(super) struct PartWriter {
    pub(super) family: Family,
    pub(super) words: Words,
    /// The names of documents so far: no two may be the same.
    names: BTreeSet<String>,
}

impl PartWriter {
    pub(super) fn new(family: Family, words: Words) -> Self {
        Self { family, words, names: BTreeSet::new() }
    }

    /// Adds the blocks of a part: none, one, or one with a mark for caching after it.
    pub(super) fn write(
        &mut self,
        spoken: &Spoken<'_>,
        lossy: &mut Lossy,
        blocks: &mut Vec<Value>,
    ) -> Written<()> {
        let (part, path) = (spoken.part, spoken.path.as_str());
        let is_system = matches!(spoken.role, Role::System | Role::Developer);
        if is_system && !matches!(part, Part::Text { .. }) {
            return Err(TranslationError::new(
                path,
                "is no text, which is all that a system prompt holds here",
            ));
        }
        let before = blocks.len();
        match part {
            Part::ToolResult { call_id: id, content, is_error, .. } => {
                blocks.push(self.tool_result(id, content, *is_error, path, lossy)?);
            }
            part => self.shown(part, path, lossy, blocks)?,
        }
        if let Some(mark) = part.cache().filter(|_| blocks.len() > before) {
            blocks.extend(cache_point(self.family, mark, false, path, lossy));
        }
        Ok(())
    }

    /// Adds the block of anything but the result of a tool.
    fn shown(&mut self, part: &Part, path: &str, lossy: &mut Lossy, blocks: &mut Vec<Value>) -> Written<()> {
        match part {
            Part::Text { text, .. } => blocks.extend(text_block(text, path, lossy)),
            Part::Refusal { text } => {
                lossy.add(path);
                blocks.extend(text_block(text, path, lossy));
            }
            Part::Image { image, detail, .. } => {
                if detail.is_some() {
                    lossy.add(format!("{path}.image_url.detail"));
                }
                blocks.push(image_block(image, path)?);
            }
            Part::Document { document, title, .. } => {
                self.document(document, title.as_deref(), path, lossy, blocks)?;
            }
            Part::Thinking { .. } | Part::RedactedThinking { .. } => match self.thought(part) {
                Some(thought) => blocks.push(json!({"reasoningContent": thought})),
                None => lossy.add(path),
            },
            Part::ToolCall { id, name, arguments, .. } => {
                let (input, is_object) = input(arguments);
                if !is_object {
                    lossy.add(format!("{path}.arguments"));
                }
                blocks.push(json!({"toolUse": {"toolUseId": call_id(id), "name": name, "input": input}}));
            }
            Part::ToolResult { .. } => {
                return Err(TranslationError::new(path, "is the result of a tool within another"));
            }
        }
        Ok(())
    }

    /// A thought that Claude gets back: what it signed, or what it alone can read.
    fn thought(&self, part: &Part) -> Option<Value> {
        match part {
            _ if !matches!(self.family, Family::Claude { .. }) => None,
            Part::Thinking { text, signature: Some(signature) } => {
                Some(json!({"reasoningText": {"text": text, "signature": signature}}))
            }
            Part::RedactedThinking { data } => Some(json!({"redactedContent": data})),
            _ => None,
        }
    }

    fn tool_result(
        &mut self,
        id: &str,
        content: &[Part],
        is_error: bool,
        path: &str,
        lossy: &mut Lossy,
    ) -> Written<Value> {
        let mut shown = Vec::new();
        for (index, part) in content.iter().enumerate() {
            self.shown(part, &format!("{path}.content[{index}]"), lossy, &mut shown)?;
        }
        let mut result = object(json!({"toolUseId": call_id(id), "content": shown}));
        if is_error && self.family.takes_status() {
            result.insert("status".into(), "error".into());
        } else if is_error {
            lossy.add(format!("{path}.is_error"));
        }
        Ok(json!({"toolResult": result}))
    }

    fn document(
        &mut self,
        document: &Document,
        title: Option<&str>,
        path: &str,
        lossy: &mut Lossy,
        blocks: &mut Vec<Value>,
    ) -> Written<()> {
        let words = self.words;
        let title_path = || format!("{path}.{}", words.pick("file.filename", "title"));
        let (format, bytes) = match document {
            Document::File(Media::Url(_)) => {
                let problem = "is a document at a URL, which Bedrock does not fetch: send its bytes";
                return Err(TranslationError::new(path, problem));
            }
            Document::File(Media::Base64 { media_type, data }) => {
                let format = document_format(media_type).ok_or_else(|| {
                    let problem =
                        format!("is a document of type `{media_type}`, which Bedrock does not take");
                    TranslationError::new(path, problem)
                })?;
                (format, data.clone())
            }
            Document::Text(text) => ("txt", base64::encode(text)),
            Document::Parts(parts) => {
                if title.is_some() {
                    lossy.add(title_path());
                }
                for (index, part) in parts.iter().enumerate() {
                    self.shown(part, &format!("{path}.source.content[{index}]"), lossy, blocks)?;
                }
                return Ok(());
            }
        };
        let name = document_name(title, format);
        let is_kept = title.is_none_or(|title| title == name || *title == format!("{name}.{format}"));
        let name = self.unlike_others(name);
        if !is_kept {
            lossy.add(title_path());
        }
        blocks.push(json!({"document": {"format": format, "name": name, "source": {"bytes": bytes}}}));
        Ok(())
    }

    /// The name, with a number if another document has it.
    fn unlike_others(&mut self, name: String) -> String {
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.names.contains(name));
        let name = free.unwrap_or(name);
        self.names.insert(name.clone());
        name
    }
}

/// A mark up to which is cached, if the family takes marks there; what it does not take is declared.
pub(super) fn cache_point(
    family: Family,
    mark: Cache,
    is_tool: bool,
    path: &str,
    lossy: &mut Lossy,
) -> Option<Value> {
    let (taken, is_less) = family.cache(mark, is_tool);
    if is_less {
        lossy.add(format!("{path}.cache_control"));
    }
    let mut point = object(json!({"type": "default"}));
    let ttl = match taken? {
        Cache::Default => None,
        Cache::FiveMinutes => Some("5m"),
        Cache::OneHour => Some("1h"),
    };
    put(&mut point, "ttl", ttl);
    Some(json!({"cachePoint": point}))
}

/// A text; blank ones are not taken.
fn text_block(text: &str, path: &str, lossy: &mut Lossy) -> Option<Value> {
    if text.trim().is_empty() {
        lossy.add(path);
        return None;
    }
    Some(json!({"text": text}))
}

fn image_block(image: &Media, path: &str) -> Written<Value> {
    let Media::Base64 { media_type, data } = image else {
        let problem = "is an image at a URL, which Bedrock does not fetch: send its bytes";
        return Err(TranslationError::new(path, problem));
    };
    let format = match media_type.as_str() {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => {
            let problem = format!("is an image of type `{media_type}`, which Bedrock does not take");
            return Err(TranslationError::new(path, problem));
        }
    };
    Ok(json!({"image": {"format": format, "source": {"bytes": data}}}))
}

fn document_format(media_type: &str) -> Option<&'static str> {
    Some(match media_type.split(';').next().unwrap_or_default().trim() {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/markdown" => "md",
        _ => return None,
    })
}

/// The title as a name: letters, digits, hyphens, brackets and single spaces, without the ending that says the format.
fn document_name(title: Option<&str>, format: &str) -> String {
    let title = title.unwrap_or_default();
    let title = title.strip_suffix(format).and_then(|stem| stem.strip_suffix('.')).unwrap_or(title);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
    let spaced: String = title.chars().map(|c| if plain(c) { c } else { ' ' }).collect();
    let name: String = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let name: String = name.chars().take(NAME_CHARS - " (00)".len()).collect();
    if name.is_empty() { "Document".to_owned() } else { name }
}
