//! People are told of accounts and computers. The rest of docs/STYLE.md needs a reader.

use super::pages;

/// What is not said to people, and what is said instead.
const NOT_SAID: [(&str, &str); 6] = [
    ("client", "account, or computer"),
    ("passphrase", "encryption secret"),
    ("replica", "computer"),
    ("simply", "nothing: whoever reads a manual finds it hard"),
    ("please note", "nothing"),
    ("e.g.", "such as"),
];

#[test]
fn people_are_told_of_accounts_and_computers() {
    let to_people = |path: &str| {
        path == "README.md"
            || ["docs/guide/", "docs/tester.md", "docs/operator/"].iter().any(|start| path.starts_with(start))
    };
    let mut found = Vec::new();
    for page in pages().iter().filter(|page| to_people(&page.path)) {
        for (number, line) in page.prose() {
            // Code is quoted from elsewhere; and the one name under which other programs ask for the account's ID has to be named.
            let prose =
                line.split('`').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase().replace("client id", "");
            let words = |text: &str| {
                let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                prose.match_indices(text).any(|(at, _)| edge(prose[..at].chars().next_back()))
            };
            for (word, instead) in NOT_SAID.iter().filter(|(word, _)| words(word)) {
                found.push(format!("{}:{number}: `{word}` (say {instead})", page.path));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
