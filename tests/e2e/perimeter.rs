//! Strangers can't starve, spoof or shut out anybody, and honest devices don't notice them.

use e2e::http::{Answer, Connection, Request};
use e2e::{Account, TestServer, wait};
use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{JOIN_PAGE, REGISTER, X_CLIENT_ID};

use crate::{PROGRAMS, server};

/// A server behind a proxy that is trusted: the tests are the proxy, and can speak for any address.
fn server_behind_a_proxy() -> TestServer {
    PROGRAMS.server().option("--trusted-proxy", "loopback").option("--client-ip-header", "x-forwarded-for").start()
}

fn register_from(server: &TestServer, address: &str) -> Answer {
    let account = server.unknown_account();
    account.request("POST", REGISTER).header("x-forwarded-for", address).body([]).send(server.address())
}

/// What a device does in one sync with one change, none of it refused.
#[track_caller]
fn syncs(account: &Account, base: VersionId) -> VersionId {
    account.child_of(base).is_nothing_there();
    let latest = account.append(base, "a change");
    account.add_snapshot(latest, "a snapshot").good();
    account.child_of(latest).is_nothing_there();
    latest
}

#[test]
fn the_eleventh_account_within_an_hour_is_refused_and_existing_ones_do_not_notice() {
    let server = server();
    let first = server.account();
    for _ in 2..=10 {
        server.account();
    }
    let eleventh = server.unknown_account();
    for answer in [eleventh.register(), eleventh.add_version(VersionId::NIL, "a version")] {
        answer.refused(429, "too_many_accounts");
        let wait: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("when to come back");
        assert!((1..=360).contains(&wait), "{answer:?}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"new-accounts\";q=10;w=3600"));
        assert_eq!(answer.header("ratelimit"), Some(&*format!("\"new-accounts\";r=0;t={wait}")));
    }
    eleventh.describe().refused(404, "unknown_account");
    assert_eq!(first.register().status, 200);
    syncs(&first, VersionId::NIL);
}

#[test]
fn who_guesses_client_ids_is_refused_and_a_device_at_the_same_address_is_not() {
    let mut server = PROGRAMS.server().option("--limit-unknown", "5/1h").option("--limit-lookups", "1000/1s").start();
    let honest = server.account();
    let base = syncs(&honest, VersionId::NIL);
    // After a restart the account is not in memory, and looks like any other until the database was asked.
    server.restart();
    let guess = || server.unknown_account().child_of(VersionId::NIL);
    for _ in 1..=5 {
        guess().is_nothing_there();
    }
    for _ in 1..=20 {
        guess().refused(429, "too_many_requests");
    }
    syncs(&honest, base);
    guess().refused(429, "too_many_requests");
}

/// With every limit used up, a push of several versions and a snapshot still arrives whole: only slower.
#[test]
fn nothing_is_refused_within_a_push_that_exceeds_every_limit() {
    let limits = ["account", "address", "lookups", "unknown", "new-accounts"];
    let setup = limits.iter().fold(PROGRAMS.server(), |setup, limit| setup.option(&format!("--limit-{limit}"), "1/1h"));
    let server = setup.start();
    let account = server.unknown_account();
    let first = account.append(VersionId::NIL, "version 1");
    let second = account.append(first, "version 2");
    account.add_snapshot(second, "a snapshot").good();
    server.unknown_account().register().refused(429, "too_many_accounts");
    assert_eq!(account.snapshot().good().version_id(), second);
}

#[test]
fn pages_have_a_limit_of_their_own() {
    let server = PROGRAMS.server().option("--limit-pages", "5/1h").start();
    wait::until("the limit is used up", || Request::get("/").send(server.address()).status == 429);
    for target in ["/", JOIN_PAGE, "/readyz", "/.well-known/taskferry", "/nothing"] {
        Request::get(target).send(server.address()).refused(429, "too_many_requests");
    }
    // A platform that gets no answer here restarts the server.
    Request::get("/livez").send(server.address()).good();
    syncs(&server.account(), VersionId::NIL);
}

#[test]
fn limits_can_be_switched_off() {
    let server = PROGRAMS.server().option("--limits", "off").option("--limit-pages", "1/1h").start();
    for _ in 1..=30 {
        server.account();
        server.info();
    }
}

#[test]
fn nobody_is_believed_about_their_address_but_a_trusted_proxy() {
    let server = server();
    for number in 1..=10 {
        assert_eq!(register_from(&server, &format!("198.51.100.{number}")).status, 201);
    }
    register_from(&server, "198.51.100.11").refused(429, "too_many_accounts");

    // It may be a proxy that nobody configured, though. That is said, once.
    let ready = Request::get("/readyz").send(server.address()).good();
    assert!(String::from_utf8_lossy(&ready.body).contains("unconfigured_proxy"), "{ready:?}");
    let log = server.log().text();
    assert_eq!(log.matches("--trusted-proxy").count(), 1, "{log}");
}

#[test]
fn behind_a_trusted_proxy_everybody_has_a_limit_of_their_own() {
    let server = server_behind_a_proxy();
    let created = |addresses: &mut dyn Iterator<Item = String>| {
        addresses.map(|address| register_from(&server, &address)).filter(|answer| answer.status == 201).count()
    };
    assert_eq!(created(&mut (1..=12).map(|number| format!("6.6.6.{number}, 198.51.100.1"))), 10);
    assert_eq!(created(&mut std::iter::repeat_n("::ffff:198.51.100.1".to_owned(), 3)), 0);
    assert_eq!(created(&mut (1..=12).map(|number| format!("::ffff:198.51.101.{number}"))), 12);
    // One household has a /64, and all that one customer of a hoster has is four times as good.
    assert_eq!(created(&mut (1..=12).map(|number| format!("2001:db8:1:1::{number}"))), 10);
    assert_eq!(created(&mut (1..=60).map(|number| format!("2001:db8:1:{number}00::1"))), 30);
    let ready = Request::get("/readyz").send(server.address()).good();
    assert!(!String::from_utf8_lossy(&ready.body).contains("unconfigured_proxy"), "{ready:?}");
}

/// Half a head on every place there is, again and again; and heads that follow a first request, which the HTTP library
/// does not time out.
#[test]
fn who_holds_connections_and_asks_nothing_keeps_nobody_out() {
    let server =
        PROGRAMS.server().option("--max-connections", "8").option("--max-connections-per-address", "off").start();
    let account = server.account();
    let mut base = VersionId::NIL;
    let mut held = Vec::new();
    for _ in 1..=5 {
        for _ in 1..=8 {
            let mut silent = Connection::open(server.address()).expect("a connection");
            silent.send(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").expect("half a head");
            held.push(silent);
        }
        for _ in 1..=4 {
            let mut second = Connection::open(server.address()).expect("a connection");
            second.send(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").expect("a request");
            second.next_answer().expect("its answer").good();
            second.send(b"GET /livez HT").expect("half a second head");
            held.push(second);
        }
        base = syncs(&account, base);
    }
    // Of sixty at most eight are left, the latest ones.
    for silent in held.into_iter().take(50) {
        silent.wait_until_closed().expect("closed to make room");
    }
}

#[test]
fn a_request_under_way_is_not_cut_for_a_newcomer_who_is_told_to_come_back() {
    let server = PROGRAMS.server().option("--max-connections-per-address", "2").start();
    let account = server.account();
    let mut uploads: Vec<(Account, Connection)> = (0..2)
        .map(|_| {
            let account = server.account();
            let upload = account.adding_version(VersionId::NIL, "a version").header("expect", "100-continue");
            let mut connection = Connection::open(server.address()).expect("a connection");
            connection.send(&upload.head(server.address())).expect("a head");
            connection.wait_for_continue().expect("the server waits for the body");
            (account, connection)
        })
        .collect();
    let turned_away = Connection::open(server.address()).expect("a connection").answer().expect("an answer");
    assert_eq!((turned_away.status, turned_away.header("retry-after")), (503, Some("2")));
    for (_, connection) in &mut uploads {
        connection.send(b"a version").expect("the body");
        connection.next_answer().expect("its answer").good();
    }
    drop(uploads);
    wait::until("there is room again", || {
        account
            .request("GET", "/taskferry/v1/account")
            .try_send(server.address())
            .is_ok_and(|answer| answer.status == 200)
    });
}

#[test]
fn heads_without_end_are_refused_and_honest_devices_go_on() {
    let server = server();
    let account = server.account();
    let big = "x".repeat(200_000);
    let many = "x-many: y\r\n".repeat(200);
    for head in [
        format!("GET / HTTP/1.1\r\nhost: x\r\nx-big: {big}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
        format!("GET /{big} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{X_CLIENT_ID}: {big}"),
    ] {
        let mut connection = Connection::open(server.address()).expect("a connection");
        // The server may have seen enough before it has seen all.
        let _ = connection.send(head.as_bytes());
        if let Ok(answer) = connection.answer() {
            assert!(matches!(answer.status, 400 | 414 | 431), "{answer:?}");
        }
    }
    syncs(&account, VersionId::NIL);
}

#[test]
fn a_page_of_another_origin_is_granted_nothing_unless_the_operator_named_it() {
    const OURS: &str = "https://tasks.example.org";
    let preflight = |server: &TestServer, origin: &str| {
        Request::new("OPTIONS", format!("/v1/client/add-version/{}", VersionId::NIL))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-client-id")
            .send(server.address())
    };
    let granted = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);

    let closed = server();
    let answer = preflight(&closed, OURS);
    assert_eq!((answer.status, granted(&answer)), (405, None));
    let answer = Request::get("/").header("origin", OURS).send(closed.address()).good();
    assert_eq!(granted(&answer), None);

    let open = PROGRAMS.server().option("--allow-origin", OURS).start();
    let answer = preflight(&open, OURS).good();
    assert_eq!(granted(&answer).as_deref(), Some(OURS));
    let headers = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
    assert!(headers.contains(X_CLIENT_ID) && headers.contains("content-type"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(granted(&preflight(&open, "https://evil.example")), None);

    let account = open.account();
    let [latest] = account.grow();
    let adding = account.adding_version(latest, "from a browser").header("origin", OURS);
    let answer = adding.send(open.address()).good();
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
    for header in ["x-version-id", "x-parent-version-id", "x-snapshot-request"] {
        assert!(exposed.contains(header), "{header}: {answer:?}");
    }
    let elsewhere = account.request("GET", "/v1/client/snapshot").header("origin", "https://evil.example");
    assert_eq!(granted(&elsewhere.send(open.address())), None);
}

#[test]
fn pages_are_locked_down_and_https_is_insisted_on_where_there_is_https() {
    let plain = server();
    let secure = PROGRAMS.server().option("--public-url", "https://sync.example.org").start();
    for target in ["/", JOIN_PAGE] {
        let page =
            |server: &TestServer| Request::get(target).header("accept", "text/html").send(server.address()).good();
        let answer = page(&plain);
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{target}");
        }
        let policy = answer.header("content-security-policy").unwrap_or_default().to_owned();
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(page(&secure).header("strict-transport-security"), Some("max-age=31536000"));
    }
}

#[test]
fn the_server_can_be_asked_how_it_is_without_any_other_tool() {
    let mut server = PROGRAMS.server().under("/sync").start();
    let (root, url) = (format!("http://{}", server.address()), server.url());
    server.health(&root).good();
    server.health(&url).good();
    server.health("https://sync.example.org").exits_with(2);
    let health = |server: &TestServer| server.health(&root);
    server.stop();
    health(&server).exits_with(1);
}
