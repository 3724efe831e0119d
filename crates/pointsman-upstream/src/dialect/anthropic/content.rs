//! Content blocks, read.

use serde_json::Value;

use super::super::conversation::{Cache, Document, Media, Part};
use super::super::error::TranslationError;
use super::super::fields::Fields;
use super::super::lossy::Lossy;

type Read<T> = Result<T, TranslationError>;

/// A string, or blocks. Texts without a character say nothing and are left out.
pub(super) fn read_content(fields: &mut Fields, key: &str, lossy: &mut Lossy) -> Read<Vec<Part>> {
    let path = fields.at(key);
    let mut parts = match fields.take(key) {
        None => Vec::new(),
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(Value::Array(blocks)) => {
            let blocks = blocks.into_iter().enumerate();
            blocks
                .map(|(index, block)| read_block(block, format!("{path}[{index}]"), lossy))
                .collect::<Read<_>>()?
        }
        Some(_) => return Err(TranslationError::new(path, "must be a string or a list of blocks")),
    };
    parts.retain(|part| !matches!(part, Part::Text { text, .. } if text.is_empty()));
    Ok(parts)
}

/// Reads one block. Blocks of tools that Anthropic's servers run are refused: no one else has run them.
pub(super) fn read_block(block: Value, path: String, lossy: &mut Lossy) -> Read<Part> {
    let mut block = Fields::of(block, path)?;
    let cache = read_cache(&mut block, lossy)?;
    let read = match block.required_string("type")?.as_str() {
        "text" => {
            block.ignore_if("citations", Vec::<Value>::new());
            Part::Text { text: block.required_string("text")?, cache }
        }
        "image" => {
            let image = read_media(&mut block, lossy)?;
            Part::Image { image, detail: None, cache }
        }
        "document" => {
            let title = block.string("title")?;
            Part::Document { document: read_document(&mut block, lossy)?, title, cache }
        }
        "thinking" => Part::Thinking {
            text: block.string("thinking")?.unwrap_or_default(),
            signature: block.string("signature")?.filter(|signature| !signature.is_empty()),
        },
        "redacted_thinking" => Part::RedactedThinking { data: block.required_string("data")? },
        "tool_use" => {
            if block.peek("caller").is_some_and(|caller| caller["type"] == "direct") {
                block.ignore(&["caller"]);
            }
            Part::ToolCall {
                id: block.required_string("id")?,
                name: block.required_string("name")?,
                arguments: block.take("input").map_or_else(|| "{}".to_owned(), |input| input.to_string()),
                cache,
            }
        }
        "tool_result" => Part::ToolResult {
            call_id: block.required_string("tool_use_id")?,
            content: read_content(&mut block, "content", lossy)?,
            is_error: block.boolean("is_error")?.unwrap_or(false),
            cache,
        },
        kind => return Err(block.error("type", format!("is no block that can be translated: `{kind}`"))),
    };
    block.finish(lossy);
    Ok(read)
}

fn read_media(block: &mut Fields, lossy: &mut Lossy) -> Read<Media> {
    let mut source = block.required_object("source")?;
    let media = read_source(&mut source)?;
    source.finish(lossy);
    Ok(media)
}

fn read_source(source: &mut Fields) -> Read<Media> {
    match source.required_string("type")?.as_str() {
        "base64" => Ok(Media::Base64 {
            media_type: source.required_string("media_type")?,
            data: source.required_string("data")?,
        }),
        "url" => Ok(Media::Url(source.required_string("url")?)),
        "file" => Err(source.error("file_id", "names a file that only its own provider has: send its bytes")),
        kind => Err(source.error("type", format!("is no source that can be translated: `{kind}`"))),
    }
}

fn read_document(block: &mut Fields, lossy: &mut Lossy) -> Read<Document> {
    let mut source = block.required_object("source")?;
    let document = match source.peek("type").and_then(Value::as_str) {
        Some("text") => {
            source.ignore(&["type", "media_type"]);
            Document::Text(source.required_string("data")?)
        }
        Some("content") => {
            source.ignore(&["type"]);
            Document::Parts(read_content(&mut source, "content", lossy)?)
        }
        _ => Document::File(read_source(&mut source)?),
    };
    source.finish(lossy);
    Ok(document)
}

/// `cache_control`
pub(in super::super) fn read_cache(fields: &mut Fields, lossy: &mut Lossy) -> Read<Option<Cache>> {
    let Some(mut mark) = fields.object("cache_control")? else {
        return Ok(None);
    };
    mark.ignore(&["type"]);
    let cache = match mark.string("ttl")?.as_deref() {
        None => Cache::Default,
        Some("5m") => Cache::FiveMinutes,
        Some("1h") => Cache::OneHour,
        Some(_) => {
            lossy.add(mark.at("ttl"));
            Cache::Default
        }
    };
    mark.finish(lossy);
    Ok(Some(cache))
}
