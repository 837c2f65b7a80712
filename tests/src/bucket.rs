//! A bucket for backups: as much of S3 as a client needs that puts objects, whole or in parts, gets, lists and deletes them. It
//! refuses, breaks connections and stalls when a test tells it to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crate::wait;

/// A service with one bucket, on a port of its own. It checks no signatures.
#[derive(Debug, Clone)]
pub struct Bucket {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Uploads in parts that were neither completed nor given up.
    uploads: Mutex<BTreeMap<u32, BTreeMap<u32, Vec<u8>>>>,
    /// The number of the last one.
    last_upload: AtomicU32,
    refusing: AtomicBool,
    /// Parts from this number on are refused.
    refuses_parts_from: AtomicU32,
    /// So many more bodies are cut off in their middle.
    cuts: AtomicU32,
    /// How many parts have arrived.
    parts: AtomicU32,
    /// Whether bodies are to wait, and how many do.
    stall: Mutex<(bool, u32)>,
    stalled: Condvar,
}

impl Default for State {
    fn default() -> Self {
        Self {
            objects: Mutex::default(),
            uploads: Mutex::default(),
            last_upload: AtomicU32::new(0),
            refusing: AtomicBool::new(false),
            refuses_parts_from: AtomicU32::new(u32::MAX),
            cuts: AtomicU32::new(0),
            parts: AtomicU32::new(0),
            stall: Mutex::default(),
            stalled: Condvar::new(),
        }
    }
}

impl Bucket {
    /// Its name.
    pub const NAME: &'static str = "bucket";

    /// An empty one.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State::default());
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&served);
                // Whoever hangs up in the middle is served no further.
                thread::spawn(move || drop(state.serve(&stream)));
            }
        });
        Self { address, state }
    }

    /// What a program needs in its environment to reach it.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-prints".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// From now on it answers nobody, or everybody again.
    pub fn refuse(&self, refuse: bool) {
        self.state.refusing.store(refuse, Ordering::Relaxed);
    }

    /// From now on it refuses parts from this number on.
    pub fn refuse_parts_from(&self, number: u32) {
        self.state.refuses_parts_from.store(number, Ordering::Relaxed);
    }

    /// The next so many connections that bring something break in its middle.
    pub fn cut_connections(&self, times: u32) {
        self.state.cuts.store(times, Ordering::Relaxed);
    }

    /// From now on whatever is brought waits before it is taken, and whatever is fetched in its middle; or no longer.
    pub fn stall(&self, stall: bool) {
        self.state.stall.lock().unwrap_or_else(PoisonError::into_inner).0 = stall;
        self.state.stalled.notify_all();
    }

    /// Whether something waits.
    pub fn is_stalled(&self) -> bool {
        self.state.stall.lock().unwrap_or_else(PoisonError::into_inner).1 > 0
    }

    /// How many parts have arrived so far.
    pub fn parts(&self) -> u32 {
        self.state.parts.load(Ordering::Relaxed)
    }

    /// How many uploads in parts were neither completed nor given up: what nobody sees, and somebody pays.
    pub fn unfinished(&self) -> usize {
        self.state.uploads().len()
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.state.objects().keys().cloned().collect()
    }
}

impl State {
    fn objects(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, BTreeMap<u32, Vec<u8>>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_stalled(&self) {
        let mut stall = self.stall.lock().unwrap_or_else(PoisonError::into_inner);
        stall.1 += 1;
        let waited = self.stalled.wait_timeout_while(stall, wait::LIMIT, |(stalls, _)| *stalls);
        waited.unwrap_or_else(PoisonError::into_inner).0.1 -= 1;
    }

    /// One request; then the connection ends.
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            match header.trim().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap_or(0);
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        let cut = |cuts: u32| cuts.checked_sub(1);
        if length > 1000 && self.cuts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, cut).is_ok() {
            return reader.read_exact(&mut body[..length / 2]);
        }
        reader.read_exact(&mut body)?;
        if length > 1000 {
            self.wait_while_stalled();
        }
        let (status, answer) = self.answer(&method, &target, body);
        write!(
            &*stream,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"1\"\r\nLast-Modified: Mon, 23 Nov 2026 05:42:01 GMT\r\n\
             Connection: close\r\n\r\n",
            answer.len()
        )?;
        let (first, rest) = answer.split_at(if answer.len() > 1000 { answer.len() / 2 } else { answer.len() });
        (&*stream).write_all(first)?;
        if !rest.is_empty() {
            self.wait_while_stalled();
        }
        (&*stream).write_all(rest)
    }

    fn answer(&self, method: &str, target: &str, body: Vec<u8>) -> (&'static str, Vec<u8>) {
        if self.refusing.load(Ordering::Relaxed) {
            return ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>".to_vec());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let number =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        let (upload, part): (Option<u32>, Option<u32>) = (number("uploadId"), number("partNumber"));
        let key = path.trim_start_matches('/').trim_start_matches(Bucket::NAME).trim_start_matches('/').to_owned();
        match method {
            "POST" if query.starts_with("uploads") => {
                let upload = self.last_upload.fetch_add(1, Ordering::Relaxed) + 1;
                self.uploads().insert(upload, BTreeMap::new());
                let answer = format!(
                    "<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                );
                ("200 OK", answer.into_bytes())
            }
            "PUT" if part >= Some(self.refuses_parts_from.load(Ordering::Relaxed)) => {
                ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>".to_vec())
            }
            "PUT" | "POST" | "DELETE" if upload.is_some_and(|upload| !self.uploads().contains_key(&upload)) => {
                ("404 Not Found", b"<Error><Code>NoSuchUpload</Code></Error>".to_vec())
            }
            "PUT" if upload.is_some() => {
                self.parts.fetch_add(1, Ordering::Relaxed);
                self.uploads().entry(upload.unwrap_or(0)).or_default().insert(part.unwrap_or(0), body);
                ("200 OK", Vec::new())
            }
            "POST" => {
                let parts = self.uploads().remove(&upload.unwrap_or(0)).unwrap_or_default();
                self.objects().insert(key, parts.into_values().flatten().collect());
                let answer = "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>";
                ("200 OK", answer.as_bytes().to_vec())
            }
            "DELETE" if upload.is_some() => {
                self.uploads().remove(&upload.unwrap_or(0));
                ("204 No Content", Vec::new())
            }
            "PUT" => {
                self.objects().insert(key, body);
                ("200 OK", Vec::new())
            }
            "DELETE" => {
                self.objects().remove(&key);
                ("204 No Content", Vec::new())
            }
            "GET" if query.contains("list-type=2") => ("200 OK", self.list(query).into_bytes()),
            "GET" => match self.objects().get(&key) {
                Some(content) => ("200 OK", content.clone()),
                None => ("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
            },
            _ => ("405 Method Not Allowed", Vec::new()),
        }
    }

    fn list(&self, query: &str) -> String {
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or("").replace("%2F", "/");
        let objects = self.objects();
        let contents: Vec<String> = objects
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(key, content)| {
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-11-23T05:42:01.000Z</LastModified>\
                     <ETag>\"1\"</ETag><Size>{}</Size></Contents>",
                    content.len()
                )
            })
            .collect();
        let contents = contents.concat();
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")
    }
}
