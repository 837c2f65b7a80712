//! A sync server for one test, on a free port of this computer: knows which accounts exist and what they hold, and
//! writes down what it was asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use taskferry_protocol::describe::{
    AccountInfo, AccountState, Deletion, FEATURE_DELETE, Limits, Problem, RegisterRequest, Registration, SERVER_NAME,
    ServerInfo,
};
use taskferry_protocol::{ClientId, VersionId, codes, wire};

use crate::credentials::unseal::seal;
use crate::credentials::{Credentials, Secret};

/// See the module.
pub(crate) struct FakeServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a way of its own in which a server can be")]
struct State {
    taskferry: bool,
    registration: Registration,
    invite: Option<String>,
    accounts: BTreeMap<ClientId, Held>,
    asked: Vec<String>,
    instead: Option<Reply>,
    refusal: Option<Reply>,
    loses_what_is_sent: bool,
    /// So many requests are refused for now.
    not_now: u32,
    /// Those of this path alone, if one is named.
    not_now_at: Option<&'static str>,
    clock_ahead_seconds: u64,
    quota_bytes: Option<u64>,
    /// So many versions are taken; the next is refused for good.
    versions_left: u32,
    /// The next version is stored, and the line breaks.
    loses_an_answer: bool,
    /// Whether registered accounts are empty until something is sent.
    keeps_what_is_sent: bool,
    /// Whether people may delete their accounts.
    deletes: bool,
}

/// What an account holds.
#[derive(Default, Clone)]
struct Held {
    disabled: bool,
    first_version: Option<Vec<u8>>,
    snapshot: Option<Vec<u8>>,
    /// A whole history: each version's ID and body.
    versions: Vec<(VersionId, Vec<u8>)>,
    /// At which version the snapshot was made.
    snapshot_at: Option<VersionId>,
    /// The parent of the first version: nil, but in an account that was empty when a computer with a history came.
    begins_at: Option<VersionId>,
    /// So many of the first versions are not kept.
    forgotten: usize,
}

#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The ID of a version in a [`FakeServer::history`].
pub(crate) fn version(number: u128) -> VersionId {
    VersionId::from_uuid(uuid::Uuid::from_u128(100 + number))
}

/// The operations that make a task as [`FakeComputer::with_database`](super::computer::FakeComputer::with_database) has it.
fn added(id: u128, description: &str) -> [serde_json::Value; 3] {
    let uuid = uuid::Uuid::from_u128(id);
    let update = |property: &str, value: &str| {
        serde_json::json!({ "Update": {
            "uuid": uuid, "property": property, "value": value, "timestamp": "2026-01-01T00:00:00Z"
        }})
    };
    [serde_json::json!({ "Create": { "uuid": uuid } }), update("description", description), update("status", "pending")]
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
            not_now: 0,
            not_now_at: None,
            clock_ahead_seconds: 0,
            quota_bytes: None,
            versions_left: u32::MAX,
            loses_an_answer: false,
            keeps_what_is_sent: false,
            deletes: false,
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

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
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

    /// An account whose first version is this.
    pub(crate) fn account_with_first_version(&self, account: &Credentials, body: Vec<u8>) {
        let held = Held { first_version: Some(body), ..Held::default() };
        self.state.lock().unwrap().accounts.insert(account.client_id, held);
    }

    /// An account with this history: in each version some tasks are added, as (UUID, description). Versions are numbered from
    /// 1, see [`version`].
    pub(crate) fn history(&self, account: &Credentials, versions: &[&[(u128, &str)]]) {
        let (mut parent, mut held) = (VersionId::NIL, Held::default());
        for (tasks, number) in versions.iter().zip(1..) {
            let operations: Vec<_> = tasks.iter().flat_map(|(id, description)| added(*id, description)).collect();
            let plain = serde_json::json!({ "operations": operations }).to_string();
            held.versions.push((version(number), seal(plain.as_bytes(), parent, &account.client_id, &account.secret)));
            parent = version(number);
        }
        self.state.lock().unwrap().accounts.insert(account.client_id, held);
    }

    /// Another computer adds a version, with this secret.
    pub(crate) fn adds_a_version(&self, account: &Credentials, secret: &str) {
        let mut state = self.state.lock().unwrap();
        let held = state.accounts.get_mut(&account.client_id).unwrap();
        let (parent, _) = held.versions.last().unwrap();
        let secret = Secret::parse(secret.into()).unwrap();
        let body = seal(b"{\"operations\":[]}", *parent, &account.client_id, &secret);
        held.versions.push((version(held.versions.len() as u128 + 1), body));
    }

    /// The newest version comes under its parent's ID, so that it follows itself, for ever.
    pub(crate) fn leads_in_a_circle(&self, account: &Credentials) {
        let mut state = self.state.lock().unwrap();
        let [.., (parent, _), (newest, _)] = &mut state.accounts.get_mut(&account.client_id).unwrap().versions[..]
        else {
            panic!("a circle needs two versions");
        };
        *newest = *parent;
    }

    /// As [`Self::history`], but of the versions only the newest is kept, and a snapshot of the tasks of the others.
    pub(crate) fn pruned_history(&self, account: &Credentials, versions: &[&[(u128, &str)]]) {
        self.history(account, versions);
        let (_, older) = versions.split_last().unwrap();
        let tasks: crate::database::Tasks = older
            .iter()
            .flat_map(|tasks| tasks.iter())
            .map(|(id, description)| {
                let task = [("description", *description), ("status", "pending")];
                let task = task.map(|(name, value)| (name.to_owned(), value.to_owned()));
                (uuid::Uuid::from_u128(*id), task.into())
            })
            .collect();
        let at = version(older.len() as u128);
        let packed = crate::proof::cure::pack(&tasks).unwrap();
        let mut state = self.state.lock().unwrap();
        let held = state.accounts.get_mut(&account.client_id).unwrap();
        held.snapshot = Some(seal(&packed, at, &account.client_id, &account.secret));
        held.snapshot_at = Some(at);
        held.forgotten = older.len();
    }

    /// Refuses the next requests with 503, to be tried again at once.
    pub(crate) fn refuses_for_now(&self, count: u32) {
        self.state.lock().unwrap().not_now = count;
    }

    /// The same for requests to one path alone.
    pub(crate) fn refuses_for_now_at(&self, path: &'static str, count: u32) {
        let mut state = self.state.lock().unwrap();
        (state.not_now_at, state.not_now) = (Some(path), count);
    }

    /// Takes so many versions, and refuses the next.
    pub(crate) fn accepts_versions(&self, count: u32) {
        self.state.lock().unwrap().versions_left = count;
    }

    /// Stores the next version, and hangs up without an answer.
    pub(crate) fn loses_the_answer_to_a_version(&self) {
        self.state.lock().unwrap().loses_an_answer = true;
    }

    /// Registered accounts are empty, since what is sent to them comes here.
    pub(crate) fn keeps_what_is_sent(&self) {
        self.state.lock().unwrap().keeps_what_is_sent = true;
    }

    /// People may delete their accounts.
    pub(crate) fn lets_people_delete(&self) {
        self.state.lock().unwrap().deletes = true;
    }

    /// With a clock that is wrong.
    pub(crate) fn with_clock_ahead(self, seconds: u64) -> Self {
        self.state.lock().unwrap().clock_ahead_seconds = seconds;
        self
    }

    /// With a limit for each account.
    pub(crate) fn with_quota(self, bytes: u64) -> Self {
        self.state.lock().unwrap().quota_bytes = Some(bytes);
        self
    }

    /// Whether the account has a snapshot.
    pub(crate) fn has_snapshot(&self, account: &Credentials) -> bool {
        self.state.lock().unwrap().accounts.get(&account.client_id).is_some_and(|held| held.snapshot.is_some())
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
    let refuses = state.not_now > 0 && state.not_now_at.is_none_or(|at| at == path);
    let reply = if refuses {
        state.not_now -= 1;
        Reply { status: 503, headers: vec![("retry-after".into(), "0".into())], body: vec![] }
    } else {
        state.instead.clone().unwrap_or_else(|| state.reply(method, path, account, body))
    };
    let now = SystemTime::now() + Duration::from_secs(state.clock_ahead_seconds);
    if path.starts_with(wire::ADD_VERSION) && std::mem::take(&mut state.loses_an_answer) {
        return None;
    }
    drop(state);
    let mut head =
        format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    let _ = write!(head, "date: {}\r\n", httpdate::fmt_http_date(now));
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    stream.write_all(&reply.body).ok()
}

impl State {
    fn reply(&mut self, method: &str, path: &str, account: Option<ClientId>, body: Vec<u8>) -> Reply {
        let nothing = Reply { status: 404, headers: vec![], body: vec![] };
        let quota_bytes = self.quota_bytes;
        if let (Some(at), Some(held)) =
            (path.strip_prefix(wire::ADD_SNAPSHOT), account.and_then(|account| self.accounts.get_mut(&account)))
        {
            let at = at.trim_start_matches('/').parse().unwrap();
            if held.versions.iter().rev().take(5).any(|(version, _)| *version == at) {
                (held.snapshot, held.snapshot_at) = (Some(body), Some(at));
            }
            return Reply { status: 200, ..nothing };
        }
        if let (Some(parent), Some(held)) =
            (path.strip_prefix(wire::ADD_VERSION), account.and_then(|account| self.accounts.get_mut(&account)))
        {
            let parent = parent.trim_start_matches('/').parse().unwrap();
            if self.versions_left == 0 {
                return json(507, wire::PROBLEM_JSON, &problem(507, codes::QUOTA_EXCEEDED));
            }
            self.versions_left -= 1;
            if held.versions.last().is_some_and(|(id, _)| *id != parent) {
                return Reply { status: 409, ..nothing };
            }
            if held.versions.is_empty() {
                held.begins_at = Some(parent);
            }
            let id = version(held.versions.len() as u128 + 1);
            held.versions.push((id, body));
            return Reply { status: 200, headers: vec![(wire::X_VERSION_ID.into(), id.to_string())], ..nothing };
        }
        let first = format!("{}/{}", wire::GET_CHILD_VERSION, VersionId::NIL);
        let held = account.and_then(|account| self.accounts.get(&account));
        match (method, path) {
            ("GET", "/") => Reply { status: 200, headers: vec![], body: wire::ROOT_TEXT.into() },
            ("GET", wire::WELL_KNOWN) if self.taskferry => {
                let mut info = info(self.registration);
                info.features.extend(self.deletes.then(|| FEATURE_DELETE.to_owned()));
                json(200, "application/json", &info)
            }
            ("DELETE", wire::ACCOUNT) if self.deletes => {
                account.and_then(|account| self.accounts.remove(&account));
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
                let erase_at = i64::try_from(now).unwrap() + 7 * 24 * 3600;
                json(200, "application/json", &Deletion { erase_at })
            }
            ("POST", wire::REGISTER) if self.refusal.is_some() => self.refusal.clone().unwrap(),
            ("POST", wire::REGISTER)
                if self.invite.as_ref().is_some_and(|code| invite_in(&body).as_ref() != Some(code)) =>
            {
                json(403, wire::PROBLEM_JSON, &problem(403, codes::INVITE_INVALID))
            }
            ("POST", wire::REGISTER) if self.taskferry => {
                // The stand-in for Taskwarrior talks to nobody, so the account looks from now on as if it had.
                let is_empty = self.loses_what_is_sent || self.keeps_what_is_sent;
                let sent = (!is_empty).then(|| b"sent".to_vec());
                let held = Held { first_version: sent, ..Held::default() };
                self.accounts.entry(account.expect("an account to register")).or_insert(held);
                Reply { status: 201, ..nothing }
            }
            ("GET", wire::ACCOUNT) if self.taskferry => match held {
                Some(held) => json(200, "application/json", &AccountInfo { quota_bytes, ..described(held) }),
                None => json(404, wire::PROBLEM_JSON, &problem(404, "unknown_account")),
            },
            ("GET", wire::SNAPSHOT) => held.and_then(|held| held.snapshot.clone()).map_or(nothing, |body| {
                let at = held.and_then(|held| held.snapshot_at).unwrap_or(SNAPSHOT_AT);
                Reply { status: 200, headers: vec![(wire::X_VERSION_ID.into(), at.to_string())], body }
            }),
            ("GET", path) if path.starts_with(wire::GET_CHILD_VERSION) && held.is_some_and(Held::has_history) => {
                let parent = path.rsplit('/').next().unwrap().parse().unwrap();
                held.map_or(nothing, |held| held.child_of(parent))
            }
            ("GET", path) if path == first => match held {
                Some(Held { first_version: Some(body), .. }) => Reply {
                    status: 200,
                    headers: vec![
                        (wire::X_VERSION_ID.into(), SNAPSHOT_AT.to_string()),
                        (wire::X_PARENT_VERSION_ID.into(), VersionId::NIL.to_string()),
                    ],
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

impl Held {
    fn has_history(&self) -> bool {
        !self.versions.is_empty()
    }

    fn child_of(&self, parent: VersionId) -> Reply {
        let beginning = self.begins_at.unwrap_or(VersionId::NIL);
        let parents = std::iter::once(beginning).chain(self.versions.iter().map(|(id, _)| *id));
        let mut children = self.versions.iter().map(Some).chain([None]);
        let found = parents.zip(&mut children).skip(self.forgotten).find(|(known, _)| *known == parent);
        match found {
            Some((_, Some((id, body)))) => Reply {
                status: 200,
                headers: vec![
                    (wire::X_VERSION_ID.into(), id.to_string()),
                    (wire::X_PARENT_VERSION_ID.into(), parent.to_string()),
                ],
                body: body.clone(),
            },
            Some((_, None)) => Reply { status: 404, headers: vec![], body: vec![] },
            None => Reply { status: 410, headers: vec![], body: vec![] },
        }
    }
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
    let empty = held.first_version.is_none() && held.snapshot.is_none() && !held.has_history();
    let latest = held.versions.last().map_or(SNAPSHOT_AT, |(id, _)| *id);
    AccountInfo {
        state: if held.disabled { AccountState::Disabled } else { AccountState::Active },
        latest_version_id: if empty { VersionId::NIL } else { latest },
        versions: 0,
        version_bytes: held.versions.iter().map(|(_, body)| body.len() as u64).sum(),
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
