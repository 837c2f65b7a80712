//! Every link leads to a page and a heading, and the book has all pages, once, under their own titles.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Page, pages, repository};

/// The places that links can lead to within a page: its headings, as forges and mdBook name them.
fn places(page: &Page) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for (_, line) in page.prose() {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug: String = heading
            .trim()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c.to_ascii_lowercase()),
                _ => None,
            })
            .collect();
        let again = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(again).find(|name| !places.contains(name));
        places.extend(free);
    }
    places
}

/// What stands in `](…)`, outside of code.
fn links(page: &Page) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in page.prose() {
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(targets.map(|target| (number, target.to_owned())));
    }
    found
}

/// `docs/guide` and `../x.md` are `docs/x.md`.
fn resolved(page: &str, target: &str) -> PathBuf {
    let mut path = Path::new(page).parent().expect("a folder").to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_in_it() {
    let pages = pages();
    let mut broken = Vec::new();
    for page in &pages {
        for (number, link) in links(page) {
            if link.starts_with("https://") {
                continue;
            }
            let (target, place) =
                link.split_once('#').map_or((link.as_str(), None), |(file, place)| (file, Some(place)));
            let file = if target.is_empty() { PathBuf::from(&page.path) } else { resolved(&page.path, target) };
            let leads = match (pages.iter().find(|page| Path::new(&page.path) == file), place) {
                (Some(page), Some(place)) => places(page).contains(place),
                (None, Some(_)) => false,
                (_, None) => repository().join(&file).exists(),
            };
            if !leads {
                broken.push(format!("{}:{number}: {link}", page.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_book_has_every_page_once_and_by_its_own_title() {
    let summary = Page::read("docs/SUMMARY.md");
    let entries: Vec<(&str, PathBuf)> = summary
        .text
        .lines()
        .filter_map(|line| line.trim_start_matches("- ").strip_prefix('[')?.strip_suffix(')')?.split_once("]("))
        .map(|(title, target)| (title, resolved("docs/SUMMARY.md", target)))
        .collect();
    for page in pages().iter().filter(|page| page.path != "docs/SUMMARY.md") {
        let title = page.text.lines().find_map(|line| line.strip_prefix("# "));
        let title = title.unwrap_or_else(|| panic!("{} has no title", page.path));
        let found: Vec<&str> =
            entries.iter().filter(|(_, path)| *path == Path::new(&page.path)).map(|(title, _)| *title).collect();
        assert_eq!(found, [title], "{} in docs/SUMMARY.md", page.path);
    }
    for (title, path) in entries {
        assert!(repository().join(&path).is_file(), "{title}: {}", path.display());
    }
}

/// A page that begins in a list or a table of another one would be read by nobody: the front door names the manual.
#[test]
fn the_front_door_leads_to_the_manual() {
    let front = Page::read("README.md");
    for page in
        ["docs/guide/first-minutes.md", "docs/guide/troubleshooting.md", "docs/tester.md", "docs/operator/README.md"]
    {
        assert!(links(&front).iter().any(|(_, link)| link == page), "README.md does not lead to {page}");
    }
}
