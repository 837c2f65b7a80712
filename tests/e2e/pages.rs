//! What the server says to people, to apps that look for it, and to those who watch over it.

use e2e::http::Request;
use taskferry_protocol::describe::{Registration, SERVER_NAME};
use taskferry_protocol::wire::{INVITE_PAGE, JOIN_PAGE, ROOT_TEXT, WELL_KNOWN};

use crate::{PROGRAMS, server};

/// Phone apps test a server by this text.
#[test]
fn the_root_says_what_it_is_to_apps_and_to_browsers() {
    let server = server();
    for accept in ["*/*", "text/html,application/xhtml+xml", "text/plain"] {
        let answer = Request::get("/").header("accept", accept).send(server.address()).good();
        let text = String::from_utf8(answer.body).expect("text");
        assert!(text.contains(ROOT_TEXT), "{accept}: {text}");
    }
}

#[test]
fn the_server_describes_itself() {
    let server = server();
    let info = server.info();
    assert_eq!(info.name, SERVER_NAME);
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(info.registration, Registration::Open);
    assert!(info.limits.version_bytes >= 1 << 20 && info.limits.snapshot_bytes >= 1 << 20, "{info:?}");
    for feature in ["register", "account", "delete"] {
        assert!(info.features.iter().any(|known| known == feature), "{info:?}");
    }
    assert!(!info.epoch.is_empty());
    assert_eq!(info.public_url, None);
}

#[test]
fn the_epoch_stays_the_same_over_a_restart() {
    let mut server = server();
    let epoch = server.info().epoch;
    server.restart();
    assert_eq!(server.info().epoch, epoch);
}

/// The pages must not need anything from elsewhere: what opens them has a secret in its address.
#[test]
fn the_pages_of_links_have_no_scripts_and_load_nothing() {
    let server = server();
    for (path, says) in [(JOIN_PAGE, "taskferry join"), (INVITE_PAGE, "taskferry setup --server LINK")] {
        let answer = Request::get(path).send(server.address()).good();
        let policy = answer.header("content-security-policy").unwrap_or_default().to_owned();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let page = String::from_utf8(answer.body).expect("text");
        assert!(page.contains(says), "{page}");
        for active in ["<script", "javascript:", "<iframe", "src=", "onload="] {
            assert!(!page.to_lowercase().contains(active), "`{active}` in\n{page}");
        }
    }
}

#[test]
fn a_healthy_server_says_so_with_and_without_its_base_path() {
    let server = PROGRAMS.server().under("/sync").start();
    for target in ["/livez", "/readyz", "/health", "/sync/livez", "/sync/readyz", "/sync/health"] {
        Request::get(target).send(server.address()).good();
    }
    Request::get(format!("/sync{WELL_KNOWN}")).send(server.address()).good();
}
