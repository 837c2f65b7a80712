//! Backups in a bucket of an S3-compatible service.
//!
//! The library is asynchronous and backups are not, so a bucket has a small runtime of its own: no request of a device ever
//! waits behind an upload. Large files go up and down in parts, two of them in memory at a time.

use std::future::Future;
use std::io::{Read as _, Write};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore as _, RetryConfig, WriteMultipart};
use tokio::runtime::Runtime;

use super::destination::BucketAccess;
use super::{Store, StoreError, StoredFile};
use crate::stop::{Stop, Stopped};

/// Files up to this go up in one request; larger ones in parts.
const PART_BYTES: u64 = 8 << 20;
/// S3 takes at most 10,000 parts.
const PARTS_MAX: u64 = 9000;
/// How long failing requests are repeated.
const RETRY_FOR: Duration = Duration::from_mins(1);
/// How long one request may take, a part of a large file included.
const REQUEST: Duration = Duration::from_mins(2);
/// How often a transfer looks whether it is to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A prefix in a bucket.
pub struct Bucket {
    place: String,
    prefix: Key,
    store: AmazonS3,
    runtime: Runtime,
}

impl Bucket {
    /// Connects to nothing yet.
    pub fn open(bucket: &str, prefix: &str, access: &BucketAccess) -> Result<Self, StoreError> {
        let place = format!("s3://{bucket}/{prefix}").trim_end_matches('/').to_owned();
        let failed = |cause: Error| StoreError::new("use the bucket", place.clone(), cause);
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
        let mut plain_http = false;
        for (name, value) in access.options() {
            plain_http |= name == "aws_allow_http" && value == "true";
            // Variables of other tools, such as `AWS_PROFILE`, mean nothing here.
            if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let retry = RetryConfig { retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let client = ClientOptions::new().with_timeout(REQUEST).with_allow_http(plain_http);
        let store = builder.with_retry(retry).with_client_options(client).build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            store: store.map_err(|error| failed(error.into()))?,
            runtime: runtime.map_err(|error| failed(error.into()))?,
            prefix: Key::from(prefix),
            place,
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
        let stopped = async {
            while !stop.is_set() {
                tokio::time::sleep(LOOK_UP).await;
            }
        };
        let done = self.runtime.block_on(async {
            tokio::select! {
                done = work => done,
                () = stopped => Err(Stopped.into()),
            }
        });
        done.map_err(|cause| StoreError::new(doing, self.place.clone(), cause))
    }

    async fn upload(&self, name: &str, file: &Path) -> Result<(), Error> {
        let mut from = fs_err::File::open(file)?;
        let bytes = from.metadata()?.len();
        if bytes <= PART_BYTES {
            self.store.put(&self.key(name), fs_err::read(file)?.into()).await?;
            return Ok(());
        }
        let part = usize::try_from(PART_BYTES.max(bytes.div_ceil(PARTS_MAX)))?;
        let mut upload = WriteMultipart::new_with_chunk_size(self.store.put_multipart(&self.key(name)).await?, part);
        let mut piece = vec![0; 1 << 20];
        loop {
            let read = from.read(&mut piece)?;
            if read == 0 {
                break;
            }
            // What fails here has left parts in the bucket, which cost and are not seen; so they are given up by name.
            if let Err(error) = upload.wait_for_capacity(1).await {
                let _ = upload.abort().await;
                return Err(error.into());
            }
            upload.write(&piece[..read]);
        }
        upload.finish().await?;
        Ok(())
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
        self.run("put a backup into", stop, self.upload(name, file))
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
            while let Some(piece) = pieces.next().await {
                into.write_all(&piece?)?;
            }
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.run("remove a backup from", &Stop::default(), async {
            match self.store.delete(&self.key(name)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    }
}
