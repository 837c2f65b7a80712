//! Puts our block into the bytes of a taskrc and leaves every other byte as it is: line ends, a missing last one, and
//! text that is no UTF-8 included. Pure; reading and writing files is left to [`super::write`].

use zeroize::Zeroizing;

use super::block::{BEGIN_MARK, Block, END_MARK};

/// The markers do not form exactly one block, so nobody can tell which lines are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the marker lines of taskferry in it were changed by hand (line {line})")]
pub struct BadMarkers {
    /// The first marker that does not fit, counted from 1.
    pub line: usize,
}

/// `old` with `block` in the place of the present one, else at the end, where it wins over earlier assignments.
///
/// Putting the same block twice equals putting it once.
pub fn put_block(old: &[u8], block: &Block) -> Result<Zeroizing<Vec<u8>>, BadMarkers> {
    let present = find_block(old)?;
    // A present block keeps its own line ends, whatever the lines before it were turned into since.
    let line_end = line_end_of(present.map_or(old, |(start, end)| &old[start..end]));
    let block = block.to_bytes(line_end);
    let mut new = Zeroizing::new(Vec::with_capacity(old.len() + block.len() + 4));
    if let Some((start, end)) = present {
        new.extend_from_slice(&old[..start]);
        new.extend_from_slice(&block);
        new.extend_from_slice(&old[end..]);
    } else {
        new.extend_from_slice(old);
        if !old.is_empty() {
            if !old.ends_with(b"\n") {
                new.extend_from_slice(line_end);
            }
            new.extend_from_slice(line_end);
        }
        new.extend_from_slice(&block);
    }
    Ok(new)
}

/// `old` without the lines that set one of `keys`; every other byte stays.
pub fn without_keys(old: &[u8], keys: &[&str]) -> Zeroizing<Vec<u8>> {
    let sets_one = |line: &&[u8]| key_of(line).is_some_and(|key| keys.iter().any(|other| key == other.as_bytes()));
    let mut new = Zeroizing::new(Vec::with_capacity(old.len()));
    lines(old).filter(|line| !sets_one(line)).for_each(|line| new.extend_from_slice(line));
    new
}

/// What a line sets, read as Taskwarrior does: a `#` begins a comment anywhere, and spaces don't count.
fn key_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let equals = line.iter().position(|byte| *byte == b'=')?;
    // Some editors begin a file with a byte order mark, and Taskwarrior doesn't mind.
    let key = line[..equals].trim_ascii();
    Some(key.strip_prefix(b"\xef\xbb\xbf").unwrap_or(key).trim_ascii())
}

/// Whether our block sets `key`.
pub fn block_sets(bytes: &[u8], key: &str) -> bool {
    let Ok(Some((begin, end))) = find_block(bytes) else { return false };
    lines(&bytes[begin..end]).any(|line| key_of(line) == Some(key.as_bytes()))
}

/// `old` without our block, and without the empty line that was put before it; `None` = there is none.
pub fn remove_block(old: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, BadMarkers> {
    let Some((start, end)) = find_block(old)? else {
        return Ok(None);
    };
    let before = &old[..start];
    // It ends as the block's lines do, unless somebody has turned the lines before it around since.
    let ends = [line_end_of(&old[start..end]), b"\r\n", b"\n"];
    let without = |end: &&[u8]| before.strip_suffix(*end).filter(|rest| rest.ends_with(b"\n"));
    let before = ends.iter().find_map(without).unwrap_or(before);
    Ok(Some(Zeroizing::new([before, &old[end..]].concat())))
}

/// The lines of `bytes`, each with its line end.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

/// The file's own habit, judged by its first line.
fn line_end_of(bytes: &[u8]) -> &'static [u8] {
    match lines(bytes).next() {
        Some(first) if first.ends_with(b"\r\n") => b"\r\n",
        _ => b"\n",
    }
}

/// Where the block is, from its first byte to behind its last line end.
fn find_block(bytes: &[u8]) -> Result<Option<(usize, usize)>, BadMarkers> {
    let (mut start, mut block, mut at) = (None, None, 0);
    for (line, number) in lines(bytes).zip(1..) {
        let end = at + line.len();
        let text = line.trim_ascii_start();
        if text.starts_with(BEGIN_MARK) {
            if start.is_some() || block.is_some() {
                return Err(BadMarkers { line: number });
            }
            start = Some((at, number));
        } else if text.starts_with(END_MARK) {
            let (from, _) = start.take().ok_or(BadMarkers { line: number })?;
            block = Some((from, end));
        }
        at = end;
    }
    match start {
        Some((_, number)) => Err(BadMarkers { line: number }),
        None => Ok(block),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credentials::{Credentials, Secret};
    use crate::taskrc::keys;

    fn block_of(server: &str, secret: &str) -> Option<Block> {
        let credentials = Credentials {
            server: server.parse().ok()?,
            client_id: "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10".parse().ok()?,
            secret: Secret::parse(secret.into()).ok()?,
        };
        Block::settings(&credentials, keys::URL).ok()
    }

    fn sample() -> Block {
        block_of("https://a.example", "sesame").unwrap()
    }

    fn put(old: &[u8]) -> Vec<u8> {
        put_block(old, &sample()).unwrap().to_vec()
    }

    /// The settings that Taskwarrior would read: every line with a `=`, cut at `#`, trimmed of those characters that it trims. To it,
    /// a space that is no ASCII belongs to the key.
    fn settings(bytes: &[u8]) -> Vec<(String, String)> {
        const TRIMMED: [char; 4] = [' ', '\t', '\r', '\x0c'];
        let text = String::from_utf8_lossy(bytes);
        text.split('\n')
            .map(|line| line.split('#').next().unwrap())
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim_matches(TRIMMED).to_owned(), value.trim_matches(TRIMMED).to_owned()))
            .collect()
    }

    #[test]
    fn an_empty_file_becomes_the_block_alone() {
        insta::assert_snapshot!(String::from_utf8(put(b"")).unwrap(), @r"
        # >>> taskferry: sync settings; `taskferry share` shows them >>>
        sync.server.url=https://a.example
        sync.server.client_id=7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10
        sync.encryption_secret=sesame
        # <<< taskferry <<<
        ");
    }

    #[test]
    fn a_missing_last_line_end_is_supplied() {
        assert!(put(b"color=off").starts_with(b"color=off\n\n# >>> taskferry"));
    }

    #[test]
    fn a_file_of_windows_gets_a_block_of_windows() {
        let new = put(b"color=off\r\n");
        assert!(new.starts_with(b"color=off\r\n\r\n# >>> taskferry"));
        assert_eq!(lines(&new).filter(|line| !line.ends_with(b"\r\n")).count(), 0);
    }

    #[test]
    fn a_former_block_is_replaced_where_it_stands() {
        let former = block_of("https://old.example", "mellon").unwrap().to_bytes(b"\n");
        let old = [b"a=1\n", &former[..], b"b=\xff2"].concat();
        let new = put(&old);
        assert_eq!(new, [b"a=1\n", &sample().to_bytes(b"\n")[..], b"b=\xff2"].concat());
    }

    #[test]
    fn a_lone_carriage_return_at_the_end_does_not_turn_the_block_around() {
        let once = put(b"\r");
        assert_eq!(put(&once), once);
    }

    #[test]
    fn only_the_lines_of_the_named_keys_go() {
        let old =
            b"a=1\n # sync.local.server_dir=/x\nsync.local.server_dir = /x # old\r\nsync.local.server_dirs=2\nlast\xff";
        let new = without_keys(old, &["sync.local.server_dir"]);
        assert_eq!(&new[..], b"a=1\n # sync.local.server_dir=/x\nsync.local.server_dirs=2\nlast\xff");
        assert_eq!(&without_keys(b"\xef\xbb\xbfa=1\nb=2", &["a"])[..], b"b=2");
    }

    #[test]
    fn a_block_goes_without_a_trace_from_a_file_with_both_kinds_of_line_ends() {
        for old in [&b"\r\n\n"[..], b"a=1\r\nb=2\n", b"a=1\nb=2\r\n"] {
            assert_eq!(remove_block(&put(old)).unwrap().unwrap().as_slice(), old);
        }
    }

    #[test]
    fn only_what_our_block_sets_is_ours() {
        let with = put_block(b"recurrence=on\n", &sample().without_recurrence()).unwrap();
        let without = put_block(b"recurrence=off\n", &sample()).unwrap();
        assert_eq!([block_sets(&with, "recurrence"), block_sets(&without, "recurrence")], [true, false]);
        assert!(!block_sets(b"recurrence=off\n", "recurrence"));
    }

    #[test]
    fn a_block_without_recurrence_has_one_line_more_that_is_not_shared() {
        let block = sample().without_recurrence();
        assert!(block.to_bytes(b"\n").ends_with(b"sesame\nrecurrence=off\n# <<< taskferry <<<\n"));
        assert_eq!(block.setting_lines(), sample().setting_lines());
    }

    #[test]
    fn markers_that_make_no_single_block_are_an_error_with_a_line() {
        let line = |text: &[u8]| put_block(text, &sample()).unwrap_err().line;
        assert_eq!(line(b"a=1\n# >>> taskferry\n"), 2);
        assert_eq!(line(b"# <<< taskferry <<<\n"), 1);
        assert_eq!(line(b"# >>> taskferry\n# >>> taskferry\n# <<< taskferry\n"), 2);
        assert_eq!(line(b"# >>> taskferry\n# <<< taskferry\n# >>> taskferry\n# <<< taskferry\n"), 3);
    }

    #[test]
    fn a_key_behind_a_space_that_is_no_ascii_is_another_key_and_stays() {
        let old = "\u{2000}sync.server.url=https://b.example\n";
        assert_eq!(without_keys(old.as_bytes(), &keys::ACCOUNT).as_slice(), old.as_bytes());
        let settings = settings(&put(old.as_bytes()));
        assert_eq!(settings.iter().filter(|(key, _)| key == keys::URL).count(), 1);
    }

    proptest! {
        #[test]
        fn a_block_goes_without_a_trace(old in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut old = old;
            if !old.is_empty() {
                old.push(b'\n');
            }
            prop_assert_eq!(remove_block(&put(&old)).unwrap().unwrap().to_vec(), old);
        }

        #[test]
        fn every_foreign_byte_stays(old in prop::collection::vec(any::<u8>(), 0..200)) {
            let new = put(&old);
            prop_assert!(new.starts_with(&old));
            prop_assert!(new.ends_with(&sample().to_bytes(line_end_of(&old))));
        }

        #[test]
        fn twice_equals_once(before in "(?s).{0,60}", after in "(?s).{0,60}") {
            let once = put(before.as_bytes());
            prop_assert_eq!(&put(&once), &once);
            let edited_since = [&once[..], after.as_bytes()].concat();
            let again = put(&edited_since);
            prop_assert_eq!(again, edited_since);
        }

        #[test]
        fn what_was_there_before_leaves_no_second_key(
            old in "(sync\\.server\\.(url|origin|client_id)|sync\\.encryption_secret| ?recurrence ?|[ #=\n\r]|\\PC){0,12}",
        ) {
            let new = put_block(&without_keys(old.as_bytes(), &keys::ACCOUNT), &sample()).unwrap();
            let settings = settings(&new);
            for key in [keys::URL, keys::CLIENT_ID, keys::SECRET] {
                prop_assert_eq!(settings.iter().filter(|(other, _)| other == key).count(), 1, "{}", key);
            }
            prop_assert!(!settings.iter().any(|(key, _)| key == keys::ORIGIN));
        }

        #[test]
        fn no_input_creates_a_second_key_or_line(
            server in "https?://[a-z]{1,5}(\\PC|[\n\r\t #=\\\\$]){0,12}",
            secret in "(?s)(\\PC|[\n\r\t #=~\\\\$'\"]|include |hooks\\.location=){1,20}",
        ) {
            if let Some(block) = block_of(&server, &secret) {
                let bytes = block.to_bytes(b"\n");
                prop_assert_eq!(lines(&bytes).count(), 5);
                let settings = settings(&bytes);
                let keys: Vec<&str> = settings.iter().map(|(key, _)| key.as_str()).collect();
                prop_assert_eq!(keys, [keys::URL, keys::CLIENT_ID, keys::SECRET]);
                prop_assert_eq!(&settings[2].1, &secret);
            }
        }
    }
}
