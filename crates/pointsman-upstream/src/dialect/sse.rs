//! Server-sent events (HTML Living Standard, section 9.2), cut wherever the network cuts them.

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// Its `event` field; empty if there was none.
    pub(crate) name: String,
    /// Its `data` lines, with line breaks between them.
    pub(crate) data: String,
}

/// How long a line, or the data of an event, may get.
const LIMIT_BYTES: usize = 32 << 20;

/// A stream with an event that is longer than this reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {LIMIT_BYTES} bytes")]
pub(crate) struct TooLong;

/// Reads events from bytes, whatever the pieces in which they come.
///
/// Lines end with LF, CR or CRLF. Comments and fields other than `event` and `data` are passed over, and so is an
/// event without data, as the standard has it.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
    /// The last byte was CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Nothing but, perhaps, a byte order mark has come.
    begun: bool,
}

impl SseParser {
    /// The events that `bytes` complete.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&rest[..at])?;
            let ended_by_cr = rest[at] == b'\r';
            rest = &rest[at + 1..];
            if ended_by_cr {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            events.extend(self.end_line()?);
        }
        self.extend(rest)
    }

    /// The event that lacks only its blank line when the stream ends. The standard throws it away; providers leave the
    /// line out.
    pub(crate) fn end(&mut self) -> Result<Option<SseEvent>, TooLong> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        Ok(self.dispatch())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > LIMIT_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<SseEvent>, TooLong> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = if self.begun { &line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if self.event.data.len() + value.len() > LIMIT_BYTES {
                    return Err(TooLong);
                }
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(value);
            }
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let event = std::mem::take(&mut self.event);
        std::mem::take(&mut self.has_data).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece, &mut events).expect("short");
        }
        events.extend(parser.end().expect("short"));
        events.into_iter().map(|event| (event.name, event.data)).collect()
    }

    fn of(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn the_standard_is_kept() {
        for (text, expected) in [
            ("data: a\n\n", vec![of("", "a")]),
            ("data:a\r\n\r\ndata: b\r\r", vec![of("", "a"), of("", "b")]),
            ("event: x\ndata: a\ndata:\ndata:  b\n\n", vec![of("x", "a\n\n b")]),
            (": comment\n\ndata: a\n: another\nid: 7\nretry: 9\n\n", vec![of("", "a")]),
            ("\u{feff}data: a\n\n", vec![of("", "a")]),
            ("event: lost\n\ndata\n\n", vec![of("", "")]),
            ("data: [DONE]", vec![of("", "[DONE]")]),
            ("data: é\u{1f600}\n\n\n\n", vec![of("", "é\u{1f600}")]),
            ("", vec![]),
            ("\n\r\n\r", vec![]),
        ] {
            assert_eq!(events(&[text.as_bytes()]), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut parser = SseParser::default();
        let megabyte = vec![b'x'; 1 << 20];
        let outcome = (0..64).try_for_each(|_| parser.push(&megabyte, &mut Vec::new()));
        assert_eq!(outcome, Err(TooLong));
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_makes_no_difference(
            text in "(data|event|id|:)?:? ?[aé😀:]{0,3}(\r\n|\n|\r|\n\n|\r\n\r\n)?((data: |event: )[ab]{0,3}(\r\n|\n|\r|\n\n|\r\r)){0,6}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let whole = events(&[bytes]);
            prop_assert_eq!(&events(&pieces), &whole);
            prop_assert_eq!(&events(&single), &whole);
        }

        #[test]
        fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            events(&[&bytes]);
        }
    }
}
