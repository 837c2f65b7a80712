//! No request that makes no sense changes anything or goes unexplained.

use e2e::http::{Connection, Request};
use e2e::{Account, TestServer};
use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::types::Value;
use rusqlite::{Connection as Database, OpenFlags};
use taskferry_protocol::wire::{
    ACCOUNT, ADD_SNAPSHOT, ADD_VERSION, GET_CHILD_VERSION, HISTORY_SEGMENT, REGISTER, SNAPSHOT, SNAPSHOT_BODY,
    X_CLIENT_ID,
};
use taskferry_protocol::{ClientId, VersionId};

use crate::server;

/// A request that would be fine but for one flaw.
#[derive(Debug, Clone)]
struct Flawed {
    route: Route,
    flaw: Flaw,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Route {
    method: &'static str,
    path: &'static str,
    names_version: bool,
    content_type: Option<&'static str>,
}

const ROUTES: [Route; 6] = [
    Route { method: "POST", path: ADD_VERSION, names_version: true, content_type: Some(HISTORY_SEGMENT) },
    Route { method: "POST", path: ADD_SNAPSHOT, names_version: true, content_type: Some(SNAPSHOT_BODY) },
    Route { method: "GET", path: GET_CHILD_VERSION, names_version: true, content_type: None },
    Route { method: "GET", path: SNAPSHOT, names_version: false, content_type: None },
    Route { method: "GET", path: ACCOUNT, names_version: false, content_type: None },
    Route { method: "POST", path: REGISTER, names_version: false, content_type: None },
];

/// What is wrong with it.
#[derive(Debug, Clone)]
enum Flaw {
    Method(&'static str),
    /// Before the path.
    Prefix(String),
    /// After the path.
    Suffix(String),
    VersionId(String),
    NoClientId,
    ClientId(String),
    TwoClientIds,
    ContentType(String),
    ContentEncoding(&'static str),
    EmptyBody,
}

fn flaw(route: Route) -> BoxedStrategy<Flaw> {
    let not_an_id = |text: &String| text.parse::<VersionId>().is_err();
    let other_methods: Vec<_> = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]
        .into_iter()
        .filter(|method| *method != route.method)
        // This one makes sense: it deletes the account.
        .filter(|method| (*method, route.path) != ("DELETE", ACCOUNT))
        .collect();
    let mut flaws = vec![
        select(other_methods).prop_map(Flaw::Method).boxed(),
        "/[a-z0-9]{1,9}(/[a-z0-9.~-]{1,9}){0,2}".prop_map(Flaw::Prefix).boxed(),
        "(/[a-z0-9.~-]{1,9}){2,4}".prop_map(Flaw::Suffix).boxed(),
        Just(Flaw::NoClientId).boxed(),
        Just(Flaw::TwoClientIds).boxed(),
        "[!-~]{0,60}".prop_filter("no ID", not_an_id).prop_map(Flaw::ClientId).boxed(),
    ];
    if route.names_version {
        flaws.push("[0-9a-zA-Z.~_-]{1,50}".prop_filter("no ID", not_an_id).prop_map(Flaw::VersionId).boxed());
    }
    if route.content_type.is_some() {
        flaws.push("[a-z]{0,9}(/[a-z.+-]{0,20})?".prop_map(Flaw::ContentType).boxed());
        flaws.push(select(vec!["gzip", "br", "deflate", "x"]).prop_map(Flaw::ContentEncoding).boxed());
        flaws.push(Just(Flaw::EmptyBody).boxed());
    }
    proptest::strategy::Union::new(flaws).boxed()
}

fn flawed() -> impl Strategy<Value = Flawed> {
    select(ROUTES.to_vec()).prop_flat_map(|route| flaw(route).prop_map(move |flaw| Flawed { route, flaw }))
}

impl Flawed {
    /// It concerns `account` and follows on `latest`, so that without the flaw it would change something.
    fn request(&self, account: &Account, latest: VersionId) -> Request {
        let Self { route, flaw } = self;
        let method = if let Flaw::Method(other) = flaw { other } else { route.method };
        let mut target = route.path.to_owned();
        if route.names_version {
            let version = if let Flaw::VersionId(text) = flaw { text.clone() } else { latest.to_string() };
            target = format!("{target}/{version}");
        }
        match flaw {
            Flaw::Prefix(prefix) => target.insert_str(0, prefix),
            Flaw::Suffix(suffix) => target.push_str(suffix),
            _ => {}
        }

        let id = account.id().expose().to_string();
        let ids = match flaw {
            Flaw::NoClientId => vec![],
            Flaw::ClientId(text) => vec![text.clone()],
            Flaw::TwoClientIds => vec![id, ClientId::generate().expose().to_string()],
            _ => vec![id],
        };
        let mut request = Request::new(method, target);
        for id in ids {
            request = request.header(X_CLIENT_ID, id);
        }
        if let Some(right) = route.content_type {
            let content_type = if let Flaw::ContentType(text) = flaw { text } else { right };
            request = request.header("content-type", content_type);
        }
        if let Flaw::ContentEncoding(encoding) = flaw {
            request = request.header("content-encoding", *encoding);
        }
        match (method, flaw) {
            (_, Flaw::EmptyBody) => request.body(""),
            _ if route.content_type.is_some() => request.body("a body"),
            ("GET", _) => request,
            _ => request.body(""),
        }
    }
}

#[test]
fn a_request_with_one_flaw_is_refused_explained_and_changes_nothing() {
    let server = server();
    let account = server.account();
    let [_, _, latest] = account.grow();
    account.add_snapshot(latest, "a snapshot").good();
    let before = everything(&server);
    proptest!(ProptestConfig::with_cases(400), |(flawed in flawed())| {
        let answer = flawed.request(&account, latest).send(server.address());
        prop_assert!((400..500).contains(&answer.status), "{answer:?}");
        answer.problem();
    });
    assert_eq!(everything(&server), before);
}

/// Below HTTP's own rules nobody can count on an explanation, but on being refused or cut off.
#[test]
fn what_is_no_http_or_breaks_off_is_not_served_and_changes_nothing() {
    let server = server();
    let account = server.account();
    let [latest] = account.grow();
    let before = everything(&server);

    let good = || account.adding_version(latest, "a body");
    let head = |request: Request| request.head(server.address());
    let text = |request: Request| String::from_utf8(head(request)).expect("text");
    let pieces: Vec<Vec<u8>> = vec![
        b"\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'x'; 300_000]].concat(),
        head(good())[..40].to_vec(),
        head(good()),
        [head(good()), b"a bo".to_vec()].concat(),
        [head(good().claiming_length("9")), b"a body".to_vec()].concat(),
        [head(good().claiming_length("-6")), b"a body".to_vec()].concat(),
        [head(good().claiming_length("six")), b"a body".to_vec()].concat(),
        [head(good().claiming_length("99999999999999999999999")), b"a body".to_vec()].concat(),
        [head(good().header("content-length", "3")), b"a body".to_vec()].concat(),
        [head(good().header("transfer-encoding", "chunked")), b"a body".to_vec()].concat(),
        [head(good().raw_body("").header("transfer-encoding", "chunked")), b"zz\r\na body\r\n0\r\n\r\n".to_vec()]
            .concat(),
        [head(good().raw_body("").header("transfer-encoding", "chunked")), b"6\r\na body\r\n".to_vec()].concat(),
        text(good()).replace("HTTP/1.1", "HTTP/1.1 and more").into_bytes(),
    ];
    for bytes in pieces {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        let mut connection = Connection::open(server.address()).expect("a connection");
        // The server may have seen enough before it has seen all.
        let _ = connection.send(&bytes).and_then(|()| connection.finish_sending());
        if let Ok(answer) = connection.answer() {
            assert!((400..500).contains(&answer.status), "{shown}\n\n{answer:?}");
        }
        assert_eq!(everything(&server), before, "{shown}");
    }
    assert!(server.is_ready());
}

/// Every row of every table.
fn everything(server: &TestServer) -> Vec<(String, Vec<Vec<Value>>)> {
    let database = server.data_dir().join("taskferry.sqlite3");
    let database =
        Database::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the server's database");
    let read = || -> rusqlite::Result<_> {
        let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
        let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut dump = Vec::new();
        for table in tables {
            let mut rows = database.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY 1, 2"))?;
            let columns = rows.column_count();
            let rows = rows.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
            dump.push((table, rows.collect::<Result<_, _>>()?));
        }
        Ok(dump)
    };
    read().expect("every row")
}
