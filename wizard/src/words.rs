//! Numbers as people read them.

/// `1 task`, `2 tasks`.
pub fn tasks(count: u64) -> String {
    if count == 1 { "1 task".into() } else { format!("{count} tasks") }
}

/// So many tasks as a whole, and of so many others what is newer.
pub fn both(whole: usize, parts: usize) -> String {
    let count = |count: usize| tasks(count.try_into().unwrap_or(u64::MAX));
    match (whole, parts) {
        (0, 0) => "nothing".to_owned(),
        (whole, 0) => count(whole),
        (0, parts) => format!("what is newer of {}", count(parts)),
        (whole, parts) => format!("{}, and what is newer of {}", count(whole), count(parts)),
    }
}

/// `9.4 kB`; in powers of 1000, as disks are sold.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
