//! The recovery sheet as plain text, 72 columns wide, so that any printer takes it.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Sheet;

/// The whole text.
pub fn page(sheet: &Sheet) -> Zeroizing<String> {
    let Sheet { server, account, made_on, lines, .. } = sheet;
    // With room for all of it: a text that grows leaves its former self in memory.
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    let _ = write!(
        text,
        "\
RECOVERY SHEET FOR TASKWARRIOR SYNC                   made on {made_on}

KEEP THIS SECRET
Whoever has this sheet can read and change all tasks of this account.
Keep it as you keep a passport: away from the computers, in no cloud.

server    {server}
account   {account}
"
    );
    for (number, row) in (1..).zip(&sheet.rows) {
        let _ = writeln!(text, "row {number:<5} {}", row.as_str());
    }
    let _ = write!(
        text,
        "{:10}only A to Z and 2 to 7; small letters mean the same

TO GET THE TASKS BACK
 1  On a new computer, install Taskwarrior 3 and taskferry.
 2  Run `taskferry recover`, and type the server and the rows.
 3  It says how many tasks have arrived.

WITHOUT TASKFERRY
Put these three lines into the file `.taskrc` in your home folder, and
run `task sync`:

{}
WHAT IT CAN'T DO
{}

TEST IT NOW, AND ONCE A YEAR
Run `taskferry recover --test`, and type it in. That changes nothing.

IF SOMEBODY ELSE HAS SEEN IT
The code can't be changed. On a computer that syncs, run
`taskferry move`: the tasks go to an account with a new one.
",
        "",
        lines.as_str(),
        limits(sheet).join("\n")
    );
    text
}

/// What no sheet brings back, in lines of 72 columns.
pub(super) fn limits(sheet: &Sheet) -> Vec<&'static str> {
    if sheet.is_on_this_computer {
        vec![
            "The tasks are not on it, but on the server, and that runs on the very",
            "computer that this sheet was made on. If that is lost, only a backup",
            "of the server's data brings them back (`taskferry-server backup`).",
        ]
    } else {
        vec![
            "The tasks are not on it: they are on the server, encrypted. If the",
            "server is lost as well as all computers, nothing brings them back.",
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sheet;
    use super::*;
    use crate::credentials::decode::decode;

    #[test]
    fn the_text_is_narrow_and_holds_the_account_twice() {
        let (credentials, sheet) = sheet("https://sync.example.org");
        let text = page(&sheet);
        // But for the secret, which has to stay one line.
        let is_narrow = |line: &str| line.chars().count() <= 72 || line.starts_with("sync.encryption_secret=");
        assert!(text.lines().all(is_narrow), "{}", *text);
        assert!(text.contains("made on 2027-01-15"), "{}", *text);
        // The three lines are read as they stand, with all the words around them.
        assert_eq!(decode(&text).unwrap().credentials, credentials);
        let rows: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("row ")).map(|row| &row[6..]).collect();
        let typed = format!("https://sync.example.org/j#{}", rows.join("\n"));
        assert_eq!(decode(&typed).unwrap().credentials, credentials);
    }

    #[test]
    fn a_server_on_the_same_computer_is_no_safe_place() {
        assert!(page(&sheet("http://127.0.0.1:8080").1).contains("If that is lost, only a backup"));
    }
}
