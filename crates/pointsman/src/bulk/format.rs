//! Which form a file has, by the ending of its name.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Level of zstd: its own default, beyond which labels hardly shrink.
const ZSTD_LEVEL: i32 = 3;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A JSON object in each line.
    Lines(Packing),
    /// Columns.
    Parquet,
}

/// How lines are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Format {
    /// The form that a file of this name has.
    pub(super) fn of(path: &Path) -> Self {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "parquet" | "pq" => Self::Parquet,
            "gz" => Self::Lines(Packing::Gzip),
            "zst" | "zstd" => Self::Lines(Packing::Zstd),
            _ => Self::Lines(Packing::Plain),
        }
    }

    /// How the lines that are written on the way to such a file are packed.
    pub(super) fn packing(self) -> Packing {
        match self {
            Self::Lines(packing) => packing,
            Self::Parquet => Packing::Zstd,
        }
    }
}

impl Packing {
    /// Packs `lines` into a piece that can be read alone and behind others.
    pub(super) fn pack(self, lines: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(lines.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(lines)?;
                encoder.finish()
            }
            Self::Zstd => zstd::bulk::compress(lines, ZSTD_LEVEL),
        }
    }
}

/// Reads what may be packed, known by its first bytes.
pub(super) fn unpack(input: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut input = BufReader::with_capacity(1 << 18, input);
    let start = input.fill_buf()?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(input))));
    }
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::stream::read::Decoder::with_buffer(input)?;
        return Ok(Box::new(BufReader::with_capacity(1 << 18, decoder)));
    }
    Ok(Box::new(input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_form() {
        for (name, format) in [
            ("a.jsonl", Format::Lines(Packing::Plain)),
            ("-", Format::Lines(Packing::Plain)),
            ("a.b/c.jsonl.GZ", Format::Lines(Packing::Gzip)),
            ("c.jsonl.zst", Format::Lines(Packing::Zstd)),
            ("c.parquet", Format::Parquet),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn pieces_are_read_one_behind_the_other() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let pieces: Vec<u8> = ["one\n", "", "two\n"]
                .iter()
                .flat_map(|piece| packing.pack(piece.as_bytes()).expect("packs"))
                .collect();
            let mut text = String::new();
            unpack(io::Cursor::new(pieces)).and_then(|mut r| r.read_to_string(&mut text)).expect("unpacks");
            assert_eq!(text, "one\ntwo\n", "{packing:?}");
        }
    }
}
