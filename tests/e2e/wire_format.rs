//! What holds for all requests of the sync protocol: content types, spellings, sizes, and how a refusal looks.

use e2e::http::{Answer, Request};
use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{
    ADD_SNAPSHOT, ADD_VERSION, GET_CHILD_VERSION, HISTORY_SEGMENT, SNAPSHOT, SNAPSHOT_BODY, X_CLIENT_ID,
};
use uuid::Uuid;

use crate::{PROGRAMS, server};

/// Clients compare content types as strings, and nobody in between may keep an answer.
#[test]
fn answers_have_the_exact_content_type_and_are_never_stored() {
    let server = server();
    let account = server.account();
    let stranger = VersionId::from_uuid(Uuid::from_u128(7));
    let never_stored = |answer: &Answer| assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");

    never_stored(&account.child_of(VersionId::NIL));
    never_stored(&account.snapshot());
    let added = account.add_version(VersionId::NIL, "first").good();
    never_stored(&added);
    never_stored(&account.add_snapshot(added.version_id(), "a snapshot").good());
    never_stored(&account.add_version(stranger, "conflict"));
    never_stored(&account.child_of(stranger));
    never_stored(&account.describe());

    let child = account.child_of(VersionId::NIL).good();
    never_stored(&child);
    assert_eq!(child.header("content-type"), Some(HISTORY_SEGMENT));
    let snapshot = account.snapshot().good();
    never_stored(&snapshot);
    assert_eq!(snapshot.header("content-type"), Some(SNAPSHOT_BODY));
}

#[test]
fn nothing_is_compressed_unasked_or_asked() {
    let server = server();
    let account = server.account();
    let body = vec![b'a'; 50_000];
    let version = account.append(VersionId::NIL, body.clone());
    account.add_snapshot(version, body.clone()).good();
    for target in [format!("{GET_CHILD_VERSION}/{}", VersionId::NIL), SNAPSHOT.to_owned()] {
        let answer =
            account.request("GET", target).header("accept-encoding", "gzip, br, zstd").send(server.address()).good();
        assert_eq!(answer.header("content-encoding"), None);
        assert!(answer.body == body, "another body than was stored");
    }
}

#[test]
fn a_compressed_body_is_refused() {
    let server = server();
    let account = server.account();
    for encoding in ["gzip", "br", "identity, gzip"] {
        let request = account.adding_version(VersionId::NIL, "as if compressed").header("content-encoding", encoding);
        request.send(server.address()).refused(415, "content_encoding");
    }
    account
        .adding_version(VersionId::NIL, "plain")
        .header("content-encoding", "identity")
        .send(server.address())
        .good();
}

#[test]
fn every_usual_spelling_of_an_id_is_understood() {
    let server = server();
    let account = server.account();
    let first = account.append(VersionId::NIL, "first");
    let second = account.append(first, "second");
    let spellings = |id: Uuid| {
        [
            id.hyphenated().to_string(),
            id.hyphenated().to_string().to_uppercase(),
            id.simple().to_string(),
            id.braced().to_string(),
            id.urn().to_string(),
        ]
    };
    for (client, parent) in spellings(account.id().expose()).iter().zip(spellings(first.as_uuid())) {
        let child =
            Request::get(format!("{GET_CHILD_VERSION}/{parent}")).header(X_CLIENT_ID, client).send(server.address());
        assert_eq!(child.good().version_id(), second, "{client} {parent}");
        let again = Request::post(format!("{ADD_VERSION}/{parent}")).header(X_CLIENT_ID, client);
        let again = again.header("content-type", HISTORY_SEGMENT).body("second").send(server.address());
        assert_eq!(again.good().version_id(), second, "{client} {parent}");
    }
}

#[test]
fn header_names_are_read_in_any_case() {
    let server = server();
    let account = server.account();
    let [latest] = account.grow();
    for name in ["X-Client-Id", "X-CLIENT-ID", "x-client-id"] {
        let answer = Request::get(format!("{GET_CHILD_VERSION}/{}", VersionId::NIL))
            .header(name, account.id().expose().to_string());
        assert_eq!(answer.send(server.address()).good().version_id(), latest, "{name}");
    }
}

#[test]
fn a_request_without_one_valid_client_id_is_refused() {
    let server = server();
    let nil = VersionId::NIL;
    let id = Uuid::from_u128(7).to_string();
    let requests = || {
        [
            Request::get(format!("{GET_CHILD_VERSION}/{nil}")),
            Request::get(SNAPSHOT),
            Request::post(format!("{ADD_VERSION}/{nil}")).header("content-type", HISTORY_SEGMENT).body("first"),
            Request::post(format!("{ADD_SNAPSHOT}/{nil}")).header("content-type", SNAPSHOT_BODY).body("first"),
        ]
    };
    for request in requests() {
        request.send(server.address()).refused(400, "client_id_missing");
    }
    for malformed in ["", "x", &id[1..], "00000000-0000-0000-0000-00000000000g"] {
        for request in requests() {
            request.header(X_CLIENT_ID, malformed).send(server.address()).refused(400, "client_id_malformed");
        }
    }
    for request in requests() {
        let twice = request.header(X_CLIENT_ID, &id).header(X_CLIENT_ID, &id);
        twice.send(server.address()).refused(400, "client_id_repeated");
    }
}

#[test]
fn a_malformed_version_id_is_refused() {
    let server = server();
    let account = server.account();
    for malformed in ["x", "0", "00000000-0000-0000-0000-00000000000g", "%00", "latest"] {
        let child = account.request("GET", format!("{GET_CHILD_VERSION}/{malformed}"));
        child.send(server.address()).refused(400, "version_id_malformed");
        let version =
            account.request("POST", format!("{ADD_VERSION}/{malformed}")).header("content-type", HISTORY_SEGMENT);
        version.body("first").send(server.address()).refused(400, "version_id_malformed");
        let snapshot =
            account.request("POST", format!("{ADD_SNAPSHOT}/{malformed}")).header("content-type", SNAPSHOT_BODY);
        snapshot.body("first").send(server.address()).refused(400, "version_id_malformed");
    }
}

#[test]
fn only_the_protocols_content_types_are_accepted() {
    let server = server();
    let account = server.account();
    let nil = VersionId::NIL;
    for (target, right) in [(ADD_VERSION, HISTORY_SEGMENT), (ADD_SNAPSHOT, SNAPSHOT_BODY)] {
        let request = || account.request("POST", format!("{target}/{nil}")).body("a body");
        request().send(server.address()).refused(400, "wrong_content_type");
        for wrong in ["", "text/plain", "application/json", "application/vnd.taskchampion", &format!("{right}x")] {
            request().header("content-type", wrong).send(server.address()).refused(400, "wrong_content_type");
        }
        for right in [right.to_owned(), right.to_uppercase(), format!("{right}; charset=utf-8")] {
            request().header("content-type", right).send(server.address()).good();
        }
    }
}

#[test]
fn an_empty_body_is_refused() {
    let server = server();
    let account = server.account();
    account.add_version(VersionId::NIL, "").refused(400, "body_empty");
    account.add_snapshot(VersionId::NIL, "").refused(400, "body_empty");
    assert!(account.info().is_empty());
}

#[test]
fn a_version_at_the_limit_is_stored_and_one_byte_more_is_refused() {
    let server = PROGRAMS.server().option("--max-version-bytes", "300000").start();
    assert_eq!(server.info().limits.version_bytes, 300_000);
    let account = server.account();

    let first = account.append(VersionId::NIL, vec![b'a'; 300_000]);
    account.add_version(first, vec![b'b'; 300_001]).refused(413, "body_too_large");
    account.child_of(first).is_nothing_there();
    assert_eq!(account.chain()[0].body.len(), 300_000);
}

/// The size is not known before the end; the limit holds all the same.
#[test]
fn a_body_in_chunks_has_the_same_limit() {
    let server = PROGRAMS.server().option("--max-version-bytes", "1000").start();
    let account = server.account();
    let in_chunks = |size: usize| {
        let half = size / 2;
        let mut chunks = Vec::new();
        for chunk in [half, size - half, 0] {
            chunks.extend(format!("{chunk:x}\r\n").bytes().chain(std::iter::repeat_n(b'c', chunk)).chain(*b"\r\n"));
        }
        let request = account.request("POST", format!("{ADD_VERSION}/{}", VersionId::NIL));
        let request = request.header("content-type", HISTORY_SEGMENT).header("transfer-encoding", "chunked");
        request.raw_body(chunks).send(server.address())
    };
    in_chunks(1001).refused(413, "body_too_large");
    in_chunks(1000).good();
    assert_eq!(account.chain()[0].body, [b'c'; 1000]);
}

#[test]
fn another_method_is_refused_with_the_right_one() {
    let server = server();
    let account = server.account();
    let nil = VersionId::NIL;
    for (target, right) in [
        (format!("{ADD_VERSION}/{nil}"), "POST"),
        (format!("{ADD_SNAPSHOT}/{nil}"), "POST"),
        (format!("{GET_CHILD_VERSION}/{nil}"), "GET"),
        (SNAPSHOT.to_owned(), "GET"),
    ] {
        let wrong = if right == "GET" { "POST" } else { "GET" };
        for method in [wrong, "PUT", "DELETE"] {
            let answer = account.request(method, &target).body([]).send(server.address());
            answer.refused(405, "wrong_method");
            let allowed = answer.header("allow").unwrap_or_default();
            assert!(allowed.split(", ").any(|method| method == right), "{method} {target}: allow: {allowed}");
        }
    }
}

#[test]
fn a_path_that_leads_nowhere_is_explained() {
    let server = server();
    for target in ["/nowhere", "/v1", "/v2/client/snapshot", "/index.html", "/j/", "/taskferry/v1/nothing"] {
        Request::get(target).send(server.address()).refused(404, "no_such_path");
    }
}

/// To Taskwarrior a 404 here would say "up to date", and a mistyped address would go unnoticed for good.
#[test]
fn a_sync_request_under_a_wrong_path_is_refused_and_not_up_to_date() {
    let server = server();
    let account = server.account();
    let nil = VersionId::NIL;
    for wrong in ["/wrong", "/a/b", "/v1/client", "/"] {
        for target in [format!("{GET_CHILD_VERSION}/{nil}"), SNAPSHOT.to_owned()] {
            account.request("GET", format!("{wrong}{target}")).send(server.address()).refused(400, "wrong_base_path");
        }
        let version =
            account.request("POST", format!("{wrong}{ADD_VERSION}/{nil}")).header("content-type", HISTORY_SEGMENT);
        version.body("first").send(server.address()).refused(400, "wrong_base_path");
    }
}

#[test]
fn under_a_base_path_everything_is_found_there_and_the_root_says_so() {
    let server = PROGRAMS.server().under("/sync").start();
    let account = server.unknown_account();
    let nil = VersionId::NIL;
    let below = account.request("GET", format!("/sync{GET_CHILD_VERSION}/{nil}")).send(server.address());
    below.is_nothing_there();
    let at_root = account.request("GET", format!("{GET_CHILD_VERSION}/{nil}")).send(server.address());
    at_root.refused(400, "wrong_base_path");
}

#[test]
fn pages_of_other_origins_are_granted_nothing() {
    let server = server();
    let account = server.account();
    let version = account.append(VersionId::NIL, "a version");
    let target = format!("{GET_CHILD_VERSION}/{}", VersionId::NIL);
    let asked = account.request("GET", target.clone()).header("origin", "https://elsewhere.example");
    let preflight = Request::new("OPTIONS", target)
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "GET");
    let answer = asked.send(server.address()).good();
    assert_eq!(answer.version_id(), version);
    let preflight = preflight.send(server.address());
    preflight.refused(405, "wrong_method");
    for answer in [answer, preflight] {
        for header in ["origin", "headers", "methods", "credentials"] {
            assert_eq!(answer.header(&format!("access-control-allow-{header}")), None);
        }
    }
}

#[test]
fn a_request_of_a_later_protocol_is_simply_not_there() {
    let server = server();
    let account = server.account();
    for target in ["/v1/client/latest-version-id", "/v2/client/snapshot"] {
        account.request("GET", target).send(server.address()).refused(404, "no_such_path");
    }
}
