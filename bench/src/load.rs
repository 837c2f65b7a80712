//! Many devices at once, each sending its next request when it has the answer to the last, for a bounded time.
//!
//! All of them share one thread, so that the server gets the rest of the machine. Percentiles come out of one histogram per
//! run and are never averaged.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use hdrhistogram::Histogram;

use crate::client::Device;
use crate::units::{float, microseconds};

/// The longest latency that is told apart from longer ones: ten minutes, in microseconds.
const LATENCY_US_MAX: u64 = 600_000_000;
/// So many failures end a run: what follows would measure nothing.
const FAILURES_MAX: u64 = 1_000;
/// How long the devices may take beyond the time of a run to get their last answers.
const OVERTIME: Duration = Duration::from_mins(2);

/// How long requests took, in microseconds, to three significant figures.
#[derive(Debug, Clone)]
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    /// Empty.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)?))
    }

    /// Adds one.
    pub(crate) fn record(&mut self, duration: Duration) {
        self.0.saturating_record(microseconds(duration).max(1));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// So many percent of all took at most this many microseconds.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        self.0.value_at_percentile(percent)
    }
}

/// What a run measured.
#[derive(Debug)]
pub(crate) struct Load {
    /// Steps finished per second.
    pub(crate) per_second: f64,
    /// How long each took.
    pub(crate) latency: Latency,
    /// Steps that failed; they are in neither of the two.
    pub(crate) failures: u64,
    /// The first failure, in words.
    pub(crate) first_failure: Option<String>,
}

/// A thread that runs futures, and timers for them.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("could not set up the load generator")
}

/// Lets every device repeat `step` for `seconds`, after a tenth of that to warm up.
pub(crate) async fn drive(
    devices: &mut [Device],
    seconds: f64,
    step: impl AsyncFn(&mut Device) -> Result<()>,
) -> Result<Load> {
    drive_with_pauses(devices, seconds, Duration::ZERO, step).await
}

/// The same, with a pause after each step.
pub(crate) async fn drive_with_pauses(
    devices: &mut [Device],
    seconds: f64,
    pause: Duration,
    step: impl AsyncFn(&mut Device) -> Result<()>,
) -> Result<Load> {
    let begin = Instant::now() + Duration::from_secs_f64(seconds / 10.0);
    let end = begin + Duration::from_secs_f64(seconds);
    let run = RefCell::new(Run { finished: 0, latency: Latency::new()?, failures: 0, first_failure: None });
    let all = join_all(devices.iter_mut().map(async |device| {
        loop {
            let started = Instant::now();
            if started >= end {
                return Ok(());
            }
            let outcome = step(device).await;
            let now = Instant::now();
            match outcome {
                Ok(()) => run.borrow_mut().finished(started, now, begin, end),
                Err(error) => {
                    run.borrow_mut().failed(error)?;
                    device.reconnect().await?;
                }
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }));
    let outcomes = tokio::time::timeout(Duration::from_secs_f64(seconds * 1.1) + OVERTIME, all)
        .await
        .context("the server did not answer in time")?;
    outcomes.into_iter().collect::<Result<()>>()?;
    let run = run.into_inner();
    Ok(Load {
        per_second: float(run.finished) / seconds,
        latency: run.latency,
        failures: run.failures,
        first_failure: run.first_failure,
    })
}

struct Run {
    finished: u64,
    latency: Latency,
    failures: u64,
    first_failure: Option<String>,
}

impl Run {
    fn finished(&mut self, started: Instant, now: Instant, begin: Instant, end: Instant) {
        if (begin..end).contains(&now) {
            self.finished += 1;
        }
        // Also what ends after the time is over: leaving it out would hide the slowest.
        if started >= begin {
            self.latency.record(now - started);
        }
    }

    fn failed(&mut self, error: anyhow::Error) -> Result<()> {
        self.failures += 1;
        if self.first_failure.is_none() {
            self.first_failure = Some(format!("{error:#}"));
        }
        ensure!(self.failures < FAILURES_MAX, error.context("too many requests failed"));
        Ok(())
    }
}
