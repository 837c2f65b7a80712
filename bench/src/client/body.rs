//! Finds the end of an answer's body while it arrives, and passes on what is in it, without ever holding it whole.

use anyhow::{Result, bail, ensure};

use super::head::Framing;

/// The longest line that announces a chunk.
const LINE_BYTES_MAX: usize = 64;

/// A body that is being received.
#[derive(Debug)]
pub(crate) struct BodyReader(State);

#[derive(Debug)]
enum State {
    /// So many bytes follow, and then the body ends.
    Length(u64),
    /// A line that announces a chunk, as far as it has arrived.
    Announcement(Vec<u8>),
    /// So many bytes of a chunk follow, two of which are its line end.
    Chunk(u64),
    /// After the last chunk: the line's length so far; an empty one ends the body.
    Trailer(usize),
    Done,
}

impl BodyReader {
    /// Before the first byte of a body.
    pub(crate) const fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Announcement(Vec::new()),
        })
    }

    /// Whether the body has arrived to its end.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.0, State::Done)
    }

    /// Takes what has arrived; returns how much of it belongs to the body and its framing.
    pub(crate) fn feed(&mut self, input: &[u8], mut content: impl FnMut(&[u8])) -> Result<usize> {
        let mut used = 0;
        while used < input.len() && !self.is_done() {
            let rest = &input[used..];
            match &mut self.0 {
                State::Length(left) => {
                    let take = rest.len().min(usize::try_from(*left)?);
                    content(&rest[..take]);
                    used += take;
                    *left -= take as u64;
                    if *left == 0 {
                        self.0 = State::Done;
                    }
                }
                State::Announcement(line) => {
                    used += 1;
                    if rest[0] != b'\n' {
                        line.push(rest[0]);
                        ensure!(line.len() <= LINE_BYTES_MAX, "a chunk's announcement does not end");
                        continue;
                    }
                    let length = chunk_length(line)?;
                    self.0 = if length == 0 { State::Trailer(0) } else { State::Chunk(length + 2) };
                }
                State::Chunk(left) => {
                    let take = rest.len().min(usize::try_from(*left)?);
                    let data = usize::try_from(left.saturating_sub(2))?.min(take);
                    if data > 0 {
                        content(&rest[..data]);
                    }
                    used += take;
                    *left -= take as u64;
                    if *left == 0 {
                        self.0 = State::Announcement(Vec::new());
                    }
                }
                State::Trailer(length) => {
                    used += 1;
                    match (rest[0], *length) {
                        (b'\n', 0) => self.0 = State::Done,
                        (b'\n', _) => *length = 0,
                        (b'\r', _) => {}
                        _ => *length += 1,
                    }
                }
                State::Done => break,
            }
        }
        Ok(used)
    }
}

fn chunk_length(line: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(line)?.trim();
    let digits = text.split(';').next().unwrap_or_default().trim();
    match u64::from_str_radix(digits, 16) {
        Ok(length) => Ok(length),
        Err(_) => bail!("a chunk's length is no number: {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of every size; the content and what was left over.
    fn read(framing: Framing, input: &[u8]) -> Result<(Vec<u8>, usize)> {
        let mut outcomes = Vec::new();
        for size in 1..=input.len() {
            let mut body = BodyReader::new(framing);
            let (mut content, mut used) = (Vec::new(), 0);
            for piece in input.chunks(size) {
                used += body.feed(piece, |data| content.extend_from_slice(data))?;
            }
            ensure!(body.is_done(), "the body does not end");
            outcomes.push((content, input.len() - used));
        }
        assert!(outcomes.windows(2).all(|two| two[0] == two[1]), "the sizes of the pieces matter");
        Ok(outcomes.swap_remove(0))
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let (content, left) = read(Framing::Length(5), b"helloHTTP/1.1").unwrap();
        assert_eq!((content.as_slice(), left), (&b"hello"[..], 8));
        assert!(read(Framing::Length(5), b"hell").is_err());
        assert!(BodyReader::new(Framing::Length(0)).is_done());
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let input = b"5\r\nhello\r\nA;name=value\r\n, the worl\r\n1\r\nd\r\n0\r\n\r\nnext";
        let (content, left) = read(Framing::Chunked, input).unwrap();
        assert_eq!((content.as_slice(), left), (&b"hello, the world"[..], 4));
        let (content, left) = read(Framing::Chunked, b"1\r\nx\r\n0\r\ntrailer: yes\r\n\r\n").unwrap();
        assert_eq!((content.as_slice(), left), (&b"x"[..], 0));
    }

    #[test]
    fn a_broken_chunk_is_refused() {
        assert!(read(Framing::Chunked, b"x\r\nhello").is_err());
        assert!(read(Framing::Chunked, &[b'1'; 200]).is_err());
    }
}
