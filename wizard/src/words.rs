//! Numbers as people read them.

/// `1 task`, `2 tasks`.
pub fn tasks(count: u64) -> String {
    if count == 1 { "1 task".into() } else { format!("{count} tasks") }
}

/// `9.4 kB`; in powers of 1000, as disks are sold.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
