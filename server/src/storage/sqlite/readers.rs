//! The few threads that read, each with a connection of its own.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::OpenError;
use super::schema::SchemaError;
use crate::storage::StorageError;

/// Connections, and the most reads that run side by side. Small machines have one or two cores, and every connection has
/// a page cache of its own.
const THREADS: usize = 2;
/// Reads that may wait for a thread before callers wait for a place.
const QUEUE: usize = 256;

type Question = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Debug)]
pub(super) struct Readers {
    /// `None` once closed.
    queue: Mutex<Option<flume::Sender<Question>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(super) fn start(open: impl Fn() -> Result<Connection, SchemaError>) -> Result<Self, OpenError> {
        let (sender, receiver) = flume::bounded::<Question>(QUEUE);
        let mut threads = Vec::with_capacity(THREADS);
        for n in 0..THREADS {
            let db = open()?;
            let questions = receiver.clone();
            let thread = std::thread::Builder::new()
                .name(format!("db-reader-{n}"))
                .spawn(move || {
                    for question in questions {
                        question(&db);
                    }
                })
                .map_err(OpenError::Thread)?;
            threads.push(thread);
        }
        Ok(Self { queue: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    /// Asks `question` on a reader thread. `doing` names it in an error.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        doing: &'static str,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |db| {
            // Nobody waits any more: no answer is needed, and none is worth the disk's time.
            if !answer.is_closed() {
                let _ = answer.send(question(db));
            }
        });
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(|| StorageError::closed(doing))?;
        queue.send_async(question).await.map_err(|_| StorageError::closed(doing))?;
        // Not kept while waiting: a closing storage waits until nobody can ask any more.
        drop(queue);
        answered.await.map_err(|_| StorageError::closed(doing))?.map_err(|cause| StorageError::new(doing, cause))
    }

    /// Answers what was asked, then ends the threads.
    pub(super) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}
