//! A bucket for backups: as much of S3 as a client needs that puts, gets, lists and deletes single objects.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A service with one bucket, on a port of its own. It checks no signatures.
#[derive(Debug, Clone)]
pub struct Bucket {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    refusing: AtomicBool,
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

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.state.objects().keys().cloned().collect()
    }
}

impl State {
    fn objects(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
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
        reader.read_exact(&mut body)?;
        let (status, answer) = self.answer(&method, &target, body);
        write!(
            &*stream,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"1\"\r\nLast-Modified: Mon, 23 Nov 2026 05:42:01 GMT\r\n\
             Connection: close\r\n\r\n",
            answer.len()
        )?;
        (&*stream).write_all(&answer)
    }

    fn answer(&self, method: &str, target: &str, body: Vec<u8>) -> (&'static str, Vec<u8>) {
        if self.refusing.load(Ordering::Relaxed) {
            return ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>".to_vec());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let key = path.trim_start_matches('/').trim_start_matches(Bucket::NAME).trim_start_matches('/').to_owned();
        match method {
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
