//! HTTP by hand, over one connection per request. No library in between: the tests need answers as they were sent, and
//! requests that no library would send.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde::de::DeserializeOwned;
use taskferry_protocol::VersionId;
use taskferry_protocol::describe::Problem;
use taskferry_protocol::wire::{PROBLEM_JSON, X_VERSION_ID};

use crate::wait;

/// A request, byte by byte as given here: nothing is normalised, escaped or merged.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    content_length: Option<String>,
    body: Vec<u8>,
}

impl Request {
    /// Any method.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            content_length: None,
            body: Vec::new(),
        }
    }

    /// `GET target`.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// `POST target`.
    pub fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target).body([])
    }

    /// One more header; a name may come twice.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.content_length = Some(self.body.len().to_string());
        self
    }

    /// Bytes after the head that no header speaks of; for bodies in chunks.
    #[must_use]
    pub fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.content_length = None;
        self
    }

    /// Claims another length than the body has.
    #[must_use]
    pub fn claiming_length(mut self, length: impl Into<String>) -> Self {
        self.content_length = Some(length.into());
        self
    }

    /// Sends it and reads the answer.
    ///
    /// # Errors
    /// The server can't be reached, or ends the connection before its answer is complete.
    pub fn try_send(&self, server: SocketAddr) -> io::Result<Answer> {
        let mut connection = Connection::open(server)?;
        // A server may refuse, and close, before it has read everything; then its answer counts, not our failed write.
        let written = connection.send(&self.head(server)).and_then(|()| connection.send(&self.body));
        connection.answer().map_err(|why| written.err().unwrap_or(why))
    }

    /// Sends it to a server that is expected to answer.
    #[track_caller]
    pub fn send(&self, server: SocketAddr) -> Answer {
        self.try_send(server).unwrap_or_else(|why| panic!("{} {}: no answer: {why}", self.method, self.target))
    }

    /// Everything up to the body.
    pub fn head(&self, server: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if let Some(length) = &self.content_length {
            head.extend(["content-length: ", length, "\r\n"]);
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// A connection on which requests are written piece by piece.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, wait::LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(wait::LIMIT))?;
        stream.set_write_timeout(Some(wait::LIMIT))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// The other side closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// The other side closed the connection.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        self.0.get_mut().shutdown(Shutdown::Write)
    }

    /// Waits for the interim answer to `Expect: 100-continue`: the sign that the server has read the head of a request
    /// and is about to read its body.
    ///
    /// # Errors
    /// The connection ended, or the final answer came at once.
    pub fn wait_for_continue(&mut self) -> io::Result<()> {
        let status_line = self.line()?;
        if !status_line.starts_with("HTTP/1.1 100") {
            return Err(garbled(&status_line));
        }
        while !self.line()?.is_empty() {}
        Ok(())
    }

    /// Waits until something of an answer has come, and takes nothing of it.
    ///
    /// # Errors
    /// The connection ended.
    pub fn wait_for_its_beginning(&mut self) -> io::Result<()> {
        match self.0.get_ref().peek(&mut [0])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// The connection ended before the answer did, or what came is no HTTP.
    pub fn answer(mut self) -> io::Result<Answer> {
        self.next_answer()
    }

    /// Reads one answer of several.
    ///
    /// # Errors
    /// The connection ended before the answer did, or what came is no HTTP.
    pub fn next_answer(&mut self) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| garbled(&status_line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| garbled(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            answer.body = self.chunks()?;
        } else if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().map_err(|_| garbled(length))?];
            self.0.read_exact(&mut answer.body)?;
        } else {
            self.0.read_to_end(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Waits until the other side has closed the connection, whatever it says before.
    ///
    /// # Errors
    /// It stays open.
    pub fn wait_until_closed(mut self) -> io::Result<()> {
        match io::copy(&mut self.0, &mut io::sink()) {
            Err(why) if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Err(why),
            // Closed in order, or reset.
            _ => Ok(()),
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.line()?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| garbled(&size))?;
            let start = body.len();
            body.resize(start + size, 0);
            self.0.read_exact(&mut body[start..])?;
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}

fn garbled(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: `{what}`"))
}

/// What came back.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order sent.
    headers: Vec<(String, String)>,
    /// The body, as sent.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header that comes at most once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "header {name} came twice: {self:?}");
        value
    }

    /// It is a 200.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "to have checked it is often enough")]
    pub fn good(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }

    /// The version that it names.
    #[track_caller]
    pub fn version_id(&self) -> VersionId {
        self.id_in(X_VERSION_ID)
    }

    /// The ID in one of its headers, which must be spelled as all clients read it: lower case with hyphens.
    #[track_caller]
    pub fn id_in(&self, header: &str) -> VersionId {
        let text = self.header(header).unwrap_or_else(|| panic!("no {header}: {self:?}"));
        let id: VersionId = text.parse().unwrap_or_else(|why| panic!("{header}: {text}: {why}"));
        assert_eq!(text, id.to_string(), "{header} in an unusual spelling");
        id
    }

    /// It is one of the protocol's own 404s, which stock clients take for "nothing there": no body.
    #[track_caller]
    pub fn is_nothing_there(&self) {
        assert_eq!((self.status, self.body.len()), (404, 0), "{self:?}");
    }

    /// Its body as JSON.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("not the JSON expected ({why}): {self:?}"))
    }

    /// It refuses, in the way of all refusals: with a stable code for programs, a sentence and a hint for people.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Problem {
        let problem = self.problem();
        assert_eq!((self.status, problem.code.as_str()), (status, code), "{self:?}");
        problem
    }

    /// The refusal in its body, complete.
    #[track_caller]
    pub fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), Some(PROBLEM_JSON), "{self:?}");
        let problem: Problem = self.json();
        assert_eq!(problem.status, self.status, "{self:?}");
        for (what, text) in [
            ("title", Some(&problem.title)),
            ("code", Some(&problem.code)),
            ("detail", Some(&problem.detail)),
            ("hint", problem.hint.as_ref()),
        ] {
            assert!(text.is_some_and(|text| !text.is_empty()), "a refusal without {what}: {self:?}");
        }
        problem
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers, body } = self;
        writeln!(f, "{status}")?;
        for (name, value) in headers {
            writeln!(f, "{name}: {value}")?;
        }
        let shown = &body[..body.len().min(2_000)];
        write!(f, "\n{}", String::from_utf8_lossy(shown))
    }
}
