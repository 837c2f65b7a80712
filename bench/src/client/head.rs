//! Reads the head of an HTTP/1.1 answer: the status, how long the body is, and the few headers of the sync protocol.
//!
//! Only as much of HTTP as sync servers use: a general parser costs the load generator time that the server would get.

use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{X_PARENT_VERSION_ID, X_SNAPSHOT_REQUEST, X_VERSION_ID};

/// The longest head that is accepted, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is not an answer that this client understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadHead(&'static str);

impl std::fmt::Display for BadHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not an answer of a sync server: {}", self.0)
    }
}

impl std::error::Error for BadHead {}

/// How the end of the body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// After a chunk of length zero.
    Chunked,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// How the body ends.
    pub(crate) framing: Framing,
    /// `X-Version-Id`.
    pub(crate) version: Option<VersionId>,
    /// `X-Parent-Version-Id`.
    pub(crate) parent: Option<VersionId>,
    /// Whether there is an `X-Snapshot-Request`; stock clients treat both urgencies alike.
    pub(crate) snapshot_wanted: bool,
    /// Whether the server closes the connection after this answer.
    pub(crate) closes: bool,
}

/// The head at the beginning of `input`, and its length; `None` while it is not complete.
pub(crate) fn parse(input: &[u8]) -> Result<Option<(Head, usize)>, BadHead> {
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if input.len() > HEAD_BYTES_MAX { Err(BadHead("its head does not end")) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&input[..end]).map_err(|_| BadHead("its head is not text"))?;
    let mut lines = text.split("\r\n");
    let status = status(lines.next().unwrap_or_default())?;
    let mut framing = None;
    let mut head = Head {
        status,
        framing: Framing::Length(0),
        version: None,
        parent: None,
        snapshot_wanted: false,
        closes: false,
    };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(BadHead("a header has no colon"))?;
        let value = value.trim();
        let is = |header: &str| name.eq_ignore_ascii_case(header);
        if is("content-length") {
            let length = value.parse().map_err(|_| BadHead("its length is no number"))?;
            framing = framing.or(Some(Framing::Length(length)));
        } else if is("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(BadHead("its transfer encoding is not `chunked`"));
            }
            framing = Some(Framing::Chunked);
        } else if is("connection") {
            head.closes = value.eq_ignore_ascii_case("close");
        } else if is(X_VERSION_ID) {
            head.version = Some(id(value)?);
        } else if is(X_PARENT_VERSION_ID) {
            head.parent = Some(id(value)?);
        } else if is(X_SNAPSHOT_REQUEST) {
            head.snapshot_wanted = true;
        }
    }
    head.framing = match framing {
        _ if matches!(status, 100..200 | 204 | 304) => Framing::Length(0),
        Some(framing) => framing,
        None => return Err(BadHead("it does not say where its body ends")),
    };
    Ok(Some((head, end + 4)))
}

fn status(line: &str) -> Result<u16, BadHead> {
    let mut words = line.split(' ');
    if words.next() != Some("HTTP/1.1") {
        return Err(BadHead("it is not HTTP/1.1"));
    }
    words.next().filter(|code| code.len() == 3).and_then(|code| code.parse().ok()).ok_or(BadHead("it has no status"))
}

fn id(value: &str) -> Result<VersionId, BadHead> {
    value.parse().map_err(|_| BadHead("a version ID is no UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab";

    #[test]
    fn an_answer_of_a_sync_server_is_understood() {
        let text = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Version-Id: {ID}\r\nx-parent-version-id:{ID}\r\n\
             X-Snapshot-Request: urgency=low\r\ndate: today: now\r\n\r\nhello"
        );
        let (head, length) = parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(&text[length..], "hello");
        assert_eq!(head.status, 200);
        assert_eq!(head.framing, Framing::Length(5));
        assert_eq!(head.version, Some(ID.parse().unwrap()));
        assert_eq!(head.parent, Some(ID.parse().unwrap()));
        assert!(head.snapshot_wanted);
        assert!(!head.closes);
    }

    #[test]
    fn a_head_may_arrive_byte_by_byte() {
        let text = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), Ok(None), "{end} bytes");
        }
        let (head, length) = parse(text).unwrap().unwrap();
        assert_eq!((head.status, length, head.closes), (404, text.len(), true));
    }

    #[test]
    fn a_chunked_body_and_an_absent_one_are_told_apart() {
        let framing = |text: &str| parse(text.as_bytes()).map(|found| found.unwrap().0.framing);
        assert_eq!(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Ok(Framing::Chunked));
        // RFC 9112, 6.3: the transfer encoding wins over a length.
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n"),
            Ok(Framing::Chunked)
        );
        assert_eq!(framing("HTTP/1.1 204 No Content\r\n\r\n"), Ok(Framing::Length(0)));
    }

    #[test]
    fn what_is_no_such_answer_is_refused() {
        for text in [
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 abc\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-version-id: 12\r\n\r\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(parse(&vec![b'x'; HEAD_BYTES_MAX + 1]).is_err());
    }
}
