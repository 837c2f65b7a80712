//! A sync server for one test, on a free port of this computer: knows which accounts exist and what they hold, and
//! writes down what it was asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use taskferry_protocol::describe::{
    AccountInfo, AccountState, Limits, Problem, RegisterRequest, Registration, SERVER_NAME, ServerInfo,
};
use taskferry_protocol::{ClientId, VersionId, codes, wire};

use crate::credentials::unseal::seal;
use crate::credentials::{Credentials, Secret};

/// See the module.
pub(crate) struct FakeServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    taskferry: bool,
    registration: Registration,
    invite: Option<String>,
    accounts: BTreeMap<ClientId, Held>,
    asked: Vec<String>,
    instead: Option<Reply>,
    refusal: Option<Reply>,
    loses_what_is_sent: bool,
}

/// What an account holds.
#[derive(Default, Clone)]
struct Held {
    disabled: bool,
    first_version: Option<Vec<u8>>,
    snapshot: Option<Vec<u8>>,
}

#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

const SNAPSHOT_AT: VersionId = VersionId::from_uuid(uuid::Uuid::from_u128(7));

impl FakeServer {
    /// One of ours.
    pub(crate) fn taskferry() -> Self {
        Self::start(true)
    }

    /// Another server of the protocol.
    pub(crate) fn other() -> Self {
        Self::start(false)
    }

    fn start(taskferry: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            taskferry,
            registration: Registration::Open,
            invite: None,
            accounts: BTreeMap::new(),
            asked: Vec::new(),
            instead: None,
            refusal: None,
            loses_what_is_sent: false,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        // Ends with the test's process; a thread that waits for a connection costs nothing.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &shared);
            }
        });
        Self { port, state }
    }

    /// Answers everything with this from now on.
    pub(crate) fn answers(self, status: u16, header: (&str, &str), body: &[u8]) -> Self {
        let headers = vec![(header.0.into(), header.1.into())];
        self.state.lock().unwrap().instead = Some(Reply { status, headers, body: body.into() });
        self
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Credentials for an account here, existing or not.
    pub(crate) fn credentials(&self, id: u128, secret: &str) -> Credentials {
        Credentials {
            server: self.url().parse().unwrap(),
            client_id: ClientId::from_uuid(uuid::Uuid::from_u128(id)),
            secret: Secret::parse(secret.into()).unwrap(),
        }
    }

    /// An account without data.
    pub(crate) fn empty_account(&self, account: &Credentials) {
        self.state.lock().unwrap().accounts.insert(account.client_id, Held::default());
    }

    /// An account that the operator switched off.
    pub(crate) fn disabled_account(&self, account: &Credentials) {
        let held = Held { disabled: true, ..Held::default() };
        self.state.lock().unwrap().accounts.insert(account.client_id, held);
    }

    /// An account with its whole history, which is one version.
    pub(crate) fn account(&self, account: &Credentials) {
        let body = seal(b"{\"operations\":[]}", VersionId::NIL, &account.client_id, &account.secret);
        let held = Held { first_version: Some(body), ..Held::default() };
        self.state.lock().unwrap().accounts.insert(account.client_id, held);
    }

    /// An account of which only a snapshot is left.
    pub(crate) fn pruned_account(&self, account: &Credentials) {
        let body = seal(b"snapshot", SNAPSHOT_AT, &account.client_id, &account.secret);
        let held = Held { snapshot: Some(body), ..Held::default() };
        self.state.lock().unwrap().accounts.insert(account.client_id, held);
    }

    /// Registers nobody, with these words.
    pub(crate) fn refuses_registration(&self, detail: &str, hint: &str) {
        let refusal = Problem { detail: detail.into(), hint: Some(hint.into()), ..problem(403, "moonlight") };
        self.state.lock().unwrap().refusal = Some(json(403, wire::PROBLEM_JSON, &refusal));
    }

    /// Registers nobody, for the reason of this code.
    pub(crate) fn refuses_registration_with(&self, code: &str, retry_after: &str) {
        let status = if code == codes::TOO_MANY_ACCOUNTS { 429 } else { 403 };
        let mut refusal = json(status, wire::PROBLEM_JSON, &problem(status, code));
        refusal.headers.push(("retry-after".into(), retry_after.into()));
        self.state.lock().unwrap().refusal = Some(refusal);
    }

    /// Registers only those who bring this invite.
    pub(crate) fn invites(self, code: &str) -> Self {
        self.state.lock().unwrap().registration = Registration::Invite;
        self.state.lock().unwrap().invite = Some(code.into());
        self
    }

    /// Registers nobody, and says so beforehand.
    pub(crate) fn takes_nobody(self) -> Self {
        self.state.lock().unwrap().registration = Registration::Closed;
        self
    }

    /// Registered accounts stay empty, as if Taskwarrior had sent nothing.
    pub(crate) fn loses_what_is_sent(self) -> Self {
        self.state.lock().unwrap().loses_what_is_sent = true;
        self
    }

    /// As after a restart with an empty disk.
    pub(crate) fn forgets_all_accounts(&self) {
        self.state.lock().unwrap().accounts.clear();
    }

    /// How many accounts there are.
    pub(crate) fn accounts(&self) -> usize {
        self.state.lock().unwrap().accounts.len()
    }

    /// What it was asked so far, as `METHOD path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let (mut account, mut length) = (None, 0_u64);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            wire::X_CLIENT_ID => account = value.trim().parse().ok(),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    let (method, path) = request.split_once(' ')?;
    let path = path.split_once(' ')?.0;
    let mut state = state.lock().unwrap();
    state.asked.push(format!("{method} {path}"));
    let reply = state.instead.clone().unwrap_or_else(|| state.reply(method, path, account, &body));
    drop(state);
    let mut head =
        format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    stream.write_all(&reply.body).ok()
}

impl State {
    fn reply(&mut self, method: &str, path: &str, account: Option<ClientId>, body: &[u8]) -> Reply {
        let nothing = Reply { status: 404, headers: vec![], body: vec![] };
        let first = format!("{}/{}", wire::GET_CHILD_VERSION, VersionId::NIL);
        let held = account.and_then(|account| self.accounts.get(&account));
        match (method, path) {
            ("GET", "/") => Reply { status: 200, headers: vec![], body: wire::ROOT_TEXT.into() },
            ("GET", wire::WELL_KNOWN) if self.taskferry => json(200, "application/json", &info(self.registration)),
            ("POST", wire::REGISTER) if self.refusal.is_some() => self.refusal.clone().unwrap(),
            ("POST", wire::REGISTER)
                if self.invite.as_ref().is_some_and(|code| invite_in(body).as_ref() != Some(code)) =>
            {
                json(403, wire::PROBLEM_JSON, &problem(403, codes::INVITE_INVALID))
            }
            ("POST", wire::REGISTER) if self.taskferry => {
                // The stand-in for Taskwarrior talks to nobody, so the account looks from now on as if it had.
                let sent = (!self.loses_what_is_sent).then(|| b"sent".to_vec());
                let held = Held { first_version: sent, ..Held::default() };
                self.accounts.entry(account.expect("an account to register")).or_insert(held);
                Reply { status: 201, ..nothing }
            }
            ("GET", wire::ACCOUNT) if self.taskferry => match held {
                Some(held) => json(200, "application/json", &described(held)),
                None => json(404, wire::PROBLEM_JSON, &problem(404, "unknown_account")),
            },
            ("GET", wire::SNAPSHOT) => held.and_then(|held| held.snapshot.clone()).map_or(nothing, |body| Reply {
                status: 200,
                headers: vec![(wire::X_VERSION_ID.into(), SNAPSHOT_AT.to_string())],
                body,
            }),
            ("GET", path) if path == first => match held {
                Some(Held { first_version: Some(body), .. }) => Reply {
                    status: 200,
                    headers: vec![(wire::X_PARENT_VERSION_ID.into(), VersionId::NIL.to_string())],
                    body: body.clone(),
                },
                Some(Held { snapshot: Some(_), .. }) => Reply { status: 410, ..nothing },
                _ => nothing,
            },
            _ => nothing,
        }
    }
}

fn invite_in(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<RegisterRequest>(body).unwrap().invite
}

fn json(status: u16, kind: &str, body: &impl serde::Serialize) -> Reply {
    let headers = vec![("content-type".into(), kind.into())];
    Reply { status, headers, body: serde_json::to_vec(body).unwrap() }
}

fn info(registration: Registration) -> ServerInfo {
    ServerInfo {
        name: SERVER_NAME.into(),
        version: "9.9.9".into(),
        registration,
        limits: Limits { version_bytes: 1, snapshot_bytes: 1 },
        features: vec![],
        epoch: "e".into(),
        public_url: None,
    }
}

fn described(held: &Held) -> AccountInfo {
    let empty = held.first_version.is_none() && held.snapshot.is_none();
    AccountInfo {
        state: if held.disabled { AccountState::Disabled } else { AccountState::Active },
        latest_version_id: if empty { VersionId::NIL } else { SNAPSHOT_AT },
        versions: 0,
        version_bytes: 0,
        created_at: 0,
        last_version_at: None,
        snapshot: None,
        quota_bytes: None,
        quota_versions: None,
        epoch: "e".into(),
    }
}

fn problem(status: u16, code: &str) -> Problem {
    Problem { status, title: "x".into(), code: code.into(), detail: "x".into(), hint: None }
}
