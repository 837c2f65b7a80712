//! Backups in a bucket of an S3-compatible service.
//!
//! The library is asynchronous and backups are not, so a bucket has a small runtime of its own: no request of a device ever
//! waits behind an upload. Large files go up in parts, two of them in memory at a time. What an upload that fails, or that is
//! stopped, has left in the bucket is given up by name: parts are not seen, and cost.

use std::future::Future;
use std::io::{Read as _, Write};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{ClientOptions, MultipartUpload, ObjectStore as _, RetryConfig};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::destination::BucketAccess;
use super::{Store, StoreError, StoredFile};
use crate::progress::Step;
use crate::stop::{Stop, Stopped};

/// Parts that are under way at once.
const PARTS_AT_ONCE: usize = 2;
/// S3 takes at most 10,000 parts.
const PARTS_MAX: u64 = 9000;
/// How long failing requests are repeated, …
const RETRY_FOR: Duration = Duration::from_mins(1);
/// … and how often at most, unless the usual variable says otherwise.
const ATTEMPTS: usize = 10;
const ATTEMPTS_VARIABLE: &str = "aws_max_attempts";
/// How long one request may take, a part of a large file included.
const REQUEST: Duration = Duration::from_mins(2);
/// How long tidying up may take: removing an object, or giving up an upload. A server that stops waits for it.
const TIDY: Duration = Duration::from_secs(8);
/// How often a transfer looks whether it is to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A prefix in a bucket.
pub struct Bucket {
    place: String,
    prefix: Key,
    store: AmazonS3,
    runtime: Runtime,
    /// Files up to this go up in one request; larger ones in parts of this size.
    part_bytes: u64,
}

impl Bucket {
    /// Connects to nothing yet.
    pub fn open(bucket: &str, prefix: &str, access: &BucketAccess) -> Result<Self, StoreError> {
        let place = format!("s3://{bucket}/{prefix}").trim_end_matches('/').to_owned();
        let failed = |cause: Error| StoreError::new("use the bucket", place.clone(), cause);
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
        let (mut plain_http, mut attempts) = (false, ATTEMPTS);
        for (name, value) in access.options() {
            plain_http |= name == "aws_allow_http" && value == "true";
            if name == ATTEMPTS_VARIABLE {
                attempts = value.parse().map_or(attempts, |given: usize| given.clamp(1, 100));
            }
            // Variables of other tools, such as `AWS_PROFILE`, mean nothing here.
            if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let retry = RetryConfig { retry_timeout: RETRY_FOR, max_retries: attempts - 1, ..RetryConfig::default() };
        let client = ClientOptions::new().with_timeout(REQUEST).with_allow_http(plain_http);
        let store = builder.with_retry(retry).with_client_options(client).build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            store: store.map_err(|error| failed(error.into()))?,
            runtime: runtime.map_err(|error| failed(error.into()))?,
            prefix: Key::from(prefix),
            place,
            part_bytes: access.part_bytes(),
        })
    }

    fn key(&self, name: &str) -> Key {
        self.prefix.child(name)
    }

    /// Runs to its end, or until it is to stop.
    fn run<T>(
        &self,
        doing: &'static str,
        stop: &Stop,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let done = self.runtime.block_on(unless_told(stop, work));
        done.map_err(|cause| StoreError::new(doing, self.place.clone(), cause))
    }

    async fn upload(&self, name: &str, file: &Path, stop: &Stop) -> Result<(), Error> {
        let from = fs_err::File::open(file)?;
        let bytes = from.metadata()?.len();
        stop.begins(Step::of_bytes("sending it to the bucket", bytes));
        if bytes <= self.part_bytes {
            let content = fs_err::read(file)?.into();
            unless_told(stop, self.store.put(&self.key(name), content)).await?;
            return Ok(());
        }
        let mut upload = unless_told(stop, self.store.put_multipart(&self.key(name))).await?;
        let part = self.part_bytes.max(bytes.div_ceil(PARTS_MAX));
        let sent = send_parts(upload.as_mut(), from, part, stop).await;
        if sent.is_err() {
            let _ = tokio::time::timeout(TIDY, upload.abort()).await;
        }
        sent
    }
}

/// All parts, and then the word that makes them one. Between two parts it looks whether it is to stop.
async fn send_parts(
    upload: &mut dyn MultipartUpload,
    mut from: fs_err::File,
    part_bytes: u64,
    stop: &Stop,
) -> Result<(), Error> {
    let mut under_way = JoinSet::new();
    let mut done = 0;
    loop {
        let mut part = Vec::new();
        std::io::Read::by_ref(&mut from).take(part_bytes).read_to_end(&mut part)?;
        let is_last = part.is_empty();
        while under_way.len() >= if is_last { 1 } else { PARTS_AT_ONCE } {
            tokio::select! {
                sent = under_way.join_next() => {
                    let Some(sent) = sent else { break };
                    done += sent??;
                    stop.reached(done);
                }
                () = told(stop) => return Err(Stopped.into()),
            }
        }
        if is_last {
            break;
        }
        let (length, sending) = (part.len() as u64, upload.put_part(part.into()));
        under_way.spawn(async move { sending.await.map(|()| length) });
    }
    unless_told(stop, upload.complete()).await?;
    Ok(())
}

/// The work's outcome, unless it is to stop before.
async fn unless_told<T, E: Into<Error>>(stop: &Stop, work: impl Future<Output = Result<T, E>>) -> Result<T, Error> {
    tokio::select! {
        done = work => done.map_err(Into::into),
        () = told(stop) => Err(Stopped.into()),
    }
}

/// Ends when it is to stop.
async fn told(stop: &Stop) {
    while !stop.is_set() {
        tokio::time::sleep(LOOK_UP).await;
    }
}

impl Store for Bucket {
    fn files(&self) -> Result<Vec<StoredFile>, StoreError> {
        self.run("list the backups in", &Stop::default(), async {
            // By delimiter: what lies in folders below is not ours.
            let listed = self.store.list_with_delimiter(Some(&self.prefix)).await?;
            let file = |meta: object_store::ObjectMeta| {
                Some(StoredFile { name: meta.location.filename()?.to_owned(), bytes: meta.size })
            };
            Ok(listed.objects.into_iter().filter_map(file).collect())
        })
    }

    fn put_file(&self, name: &str, file: &Path, stop: &Stop) -> Result<(), StoreError> {
        // It looks by itself whether it is to stop.
        self.run("put a backup into", &Stop::default(), self.upload(name, file, stop))
    }

    fn put(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        self.run("put a backup into", &Stop::default(), async {
            self.store.put(&self.key(name), content.to_vec().into()).await?;
            Ok(())
        })
    }

    fn get(&self, name: &str, into: &mut dyn Write, stop: &Stop) -> Result<(), StoreError> {
        self.run("read a backup in", stop, async {
            let mut pieces = self.store.get(&self.key(name)).await?.into_stream();
            let mut done = 0;
            while let Some(piece) = pieces.next().await {
                let piece = piece?;
                into.write_all(&piece)?;
                done += piece.len() as u64;
                stop.reached(done);
            }
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.run("remove a backup from", &Stop::default(), async {
            match tokio::time::timeout(TIDY, self.store.delete(&self.key(name))).await? {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    }
}
