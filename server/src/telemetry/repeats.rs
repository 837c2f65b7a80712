//! Keeps one kind of line from flooding the log: what strangers can bring about a thousand times a second is written a few
//! times a minute, and then counted.
//!
//! A kind is a place in the source. Debug and trace are left alone: whoever asks for them wants every line.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};

/// Lines of one kind that are written within one [`WINDOW`].
const LINES_MAX: u32 = 20;
/// How long they are counted together.
const WINDOW: Duration = Duration::from_mins(1);

/// What is known of one kind of line.
#[derive(Debug)]
struct Kind {
    since: Instant,
    written: u32,
    left_out: u64,
    /// Its message, for the line that says how many were left out.
    message: String,
}

/// See the module. Bounded by the number of places in the source that log.
#[derive(Debug, Default)]
pub struct Repeats(Mutex<HashMap<Identifier, Kind>>);

impl Repeats {
    fn lock(&self) -> MutexGuard<'_, HashMap<Identifier, Kind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more line of this kind may be written.
    fn admit(&self, kind: Identifier, now: Instant, message: impl FnOnce() -> String) -> bool {
        let mut kinds = self.lock();
        let kind =
            kinds.entry(kind).or_insert_with(|| Kind { since: now, written: 0, left_out: 0, message: message() });
        // A window in which lines were left out ends when that was said.
        if kind.left_out == 0 && now.duration_since(kind.since) >= WINDOW {
            (kind.since, kind.written) = (now, 0);
        }
        if kind.written < LINES_MAX {
            kind.written += 1;
            return true;
        }
        kind.left_out += 1;
        false
    }

    /// The kinds of which lines were left out in a window that is over, and how many.
    fn take_left_out(&self, now: Instant) -> Vec<(String, u64)> {
        let mut kinds = self.lock();
        let over = kinds.values_mut().filter(|kind| kind.left_out > 0 && now.duration_since(kind.since) >= WINDOW);
        over.map(|kind| {
            (kind.since, kind.written) = (now, 0);
            (kind.message.clone(), std::mem::take(&mut kind.left_out))
        })
        .collect()
    }

    /// Says from time to time how many lines were left out. Never returns.
    pub async fn report(&self) {
        let mut tick = tokio::time::interval(WINDOW / 6);
        loop {
            tick.tick().await;
            for (message, count) in self.take_left_out(Instant::now()) {
                tracing::warn!(count, message, "more lines like this were left out");
            }
        }
    }
}

/// The filter.
#[derive(Debug)]
pub(super) struct Sparing(pub(super) std::sync::Arc<Repeats>);

impl<S: Subscriber> Filter<S> for Sparing {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    // Not "always", although only single events are refused: then the library would not ask before each event, and take the
    // refusal of one for that of the next. What the level refuses is refused in advance all the same, and costs nothing.
    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        *metadata.level() > Level::INFO
            || self.0.admit(metadata.callsite(), Instant::now(), || {
                let mut message = Message(String::new());
                event.record(&mut message);
                message.0
            })
    }
}

/// Picks the message out of an event.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn lines_with(&self, text: &str) -> usize {
            String::from_utf8(self.0.lock().unwrap().clone())
                .unwrap()
                .lines()
                .filter(|line| line.contains(text))
                .count()
        }
    }

    #[test]
    fn a_burst_of_one_kind_is_cut_and_counted_and_other_kinds_are_written() {
        let (sink, repeats) = (Sink::default(), Arc::new(Repeats::default()));
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_ansi(false);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(Sparing(Arc::clone(&repeats))));
        tracing::subscriber::with_default(subscriber, || {
            for n in 0..1000 {
                tracing::error!(n, "the disk is gone");
                tracing::debug!(n, "a request");
            }
            tracing::info!("account created");
        });
        assert_eq!(sink.lines_with("the disk is gone"), 20);
        assert_eq!(sink.lines_with("a request"), 1000);
        assert_eq!(sink.lines_with("account created"), 1);
        let after_it = Instant::now() + WINDOW;
        assert_eq!(repeats.take_left_out(Instant::now()), [], "the minute is not over");
        assert_eq!(repeats.take_left_out(after_it), [("the disk is gone".to_owned(), 980)]);
        assert_eq!(repeats.take_left_out(after_it), [], "it is said once");
    }

    #[test]
    fn after_a_quiet_minute_lines_are_written_again() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let kind = tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            tracing::info_span!("a place").metadata().unwrap().callsite()
        });
        for _ in 0..LINES_MAX {
            assert!(repeats.admit(kind.clone(), start, String::new));
        }
        assert!(repeats.admit(kind, start + WINDOW, String::new));
    }
}
