//! Lines of a file that may be gzipped.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// The lines of an input that are not blank, without the spaces around them, with their numbers from 1.
///
/// Gzip is known by its first two bytes; a byte-order mark at the start is left out.
pub(crate) struct Lines<'r> {
    input: Box<dyn BufRead + 'r>,
    number: usize,
    bytes: Vec<u8>,
}

impl<'r> Lines<'r> {
    pub(crate) fn new(mut input: impl Read + 'r) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(2);
        input.by_ref().take(2).read_to_end(&mut magic)?;
        let gzipped = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(input);
        let input: Box<dyn BufRead + 'r> = if gzipped {
            Box::new(BufReader::new(MultiGzDecoder::new(whole)))
        } else {
            Box::new(BufReader::new(whole))
        };
        Ok(Self { input, number: 0, bytes: Vec::new() })
    }

    /// The number of the line that was read last.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The next line that is not blank; `None` after the last.
    pub(crate) fn next_filled(&mut self) -> io::Result<Option<(usize, &[u8])>> {
        loop {
            self.bytes.clear();
            if self.input.read_until(b'\n', &mut self.bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !self.current().is_empty() {
                return Ok(Some((self.number, self.current())));
            }
        }
    }

    fn current(&self) -> &[u8] {
        let bytes = &self.bytes[..];
        let bytes =
            if self.number == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        bytes.trim_ascii()
    }
}
