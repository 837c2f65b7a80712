//! This process, as the system sees it: under the names that all exporters share, read at each scrape.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// See the module.
#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    /// Of now.
    pub(super) fn started_now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: since_epoch.as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut show = |name, help, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        show(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
            &ConstGauge::new(self.started),
        )?;
        if let Some(now) = Usage::now() {
            show("process_resident_memory_bytes", "Memory in use.", &ConstGauge::new(now.resident_bytes))?;
            show("process_open_fds", "File descriptors in use.", &ConstGauge::new(now.open_fds))?;
            show("process_cpu_seconds", "Processor time used.", &ConstCounter::new(now.cpu_seconds))?;
        }
        if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
            show("process_max_fds", "File descriptors that may be in use.", &ConstGauge::new(most))?;
        }
        Ok(())
    }
}

/// What `/proc` says; nothing elsewhere than on Linux.
#[derive(Debug)]
struct Usage {
    resident_bytes: u64,
    open_fds: u64,
    cpu_seconds: f64,
}

impl Usage {
    fn now() -> Option<Self> {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        // The second field is the program's name in brackets, which may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11).map(str::parse::<u32>);
        let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
        let per_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
        Some(Self {
            resident_bytes: pages.saturating_mul(rustix::param::page_size() as u64),
            open_fds: std::fs::read_dir("/proc/self/fd").ok()?.count() as u64,
            cpu_seconds: (f64::from(user) + f64::from(system)) / f64::from(per_second),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_memory_and_files() {
        let usage = Usage::now().unwrap();
        assert!(usage.resident_bytes > 1_000_000 && usage.open_fds > 2 && usage.cpu_seconds >= 0.0, "{usage:?}");
    }
}
