//! A small Hyperproof over real sockets, one request a connection, with faults to order.
#![expect(clippy::unwrap_used, reason = "a test whose server fails shall fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rosterd::model::id::GroupId;
use rosterd::model::memberships::Memberships;
use rosterd::secret::Secret;
use rosterd::target::{Client, Known, Settings};
use rosterd::tls::Trust;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What membership writes are answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The members afterwards, as the vendor's pages have it.
    Members,
    /// What was sent.
    Echo,
    /// What was changed.
    Changed,
    /// A group without `userIds`.
    Without,
    /// 204.
    Empty,
    /// Not JSON.
    Html,
}

/// What happens to a request instead of, or after, its effect.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Answered with this, without an effect.
    Reply(u16, &'static [(&'static str, &'static str)], String),
    /// Cut before the effect.
    Cut,
    /// Cut after the effect.
    CutAfter,
    /// Plain text where the answer is due, after the effect: under TLS a record that is none.
    PlainAfter,
    /// Status 502 after the effect.
    FailAfter,
    /// Half of the answer, then cut.
    Half,
    /// No answer.
    Hang,
}

#[derive(Debug, Clone)]
struct Fault {
    method: &'static str,
    path: String,
    action: Action,
    skip: u32,
    times: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) lead: Option<String>,
    pub(super) members: BTreeSet<String>,
    /// In `GET /groups` and `GET /groups/users`.
    pub(super) listed: bool,
    /// In `GET /groups?status=archived`.
    pub(super) archived: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) body: Value,
    pub(super) text: String,
    pub(super) headers: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) me: String,
    pub(super) users: Vec<Value>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) style: Style,
    /// Refused with 400 wherever it stands in a request.
    pub(super) bad: BTreeSet<String>,
    /// Passed over in silence.
    pub(super) ignored: BTreeSet<String>,
    /// More ids are refused with 413.
    pub(super) most: usize,
    /// Adding a member and removing a stranger is refused (409, 404).
    pub(super) strict: bool,
    /// So many reads of one group's members are of before the last write.
    pub(super) stale_reads: u32,
    /// `POST /groups` is answered with the bare object of the vendor's samples.
    pub(super) bare_groups: bool,
    /// Leave groups without members out of `GET /groups/users`.
    pub(super) hide_memberless: bool,
    pub(super) token_body: String,
    /// Tokens that are taken.
    pub(super) good_tokens: BTreeSet<String>,
    pub(super) log: Vec<Seen>,
    before: BTreeMap<String, BTreeSet<String>>,
    faults: Vec<Fault>,
    tokens: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    scheme: &'static str,
    world: Arc<Mutex<World>>,
}

pub(super) fn ids<T: for<'a> From<&'a str>>(text: &str) -> Vec<T> {
    text.split_whitespace().map(T::from).collect()
}

impl Server {
    /// Users `u1`…`u9` (organisation-user ids `i1`…), the tool's own `me`, group `g1` with `u1 u2`
    /// and lead `u1`, group `g2` with nobody.
    pub(super) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(super) async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            scheme: if tls.is_some() { "https" } else { "http" },
            world: Arc::new(Mutex::new(World::new())),
        };
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (this, tls) = (this.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => this.serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                this.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(super) fn settings(&self) -> Settings {
        let base = format!("{}://{}", self.scheme, self.address);
        Settings {
            api_url: format!("{base}/v1"),
            token_url: format!("{base}/oauth/token"),
            client_id: "the-client".into(),
            client_secret: Secret::new("hunter2".into()),
            scope: None,
            member_id: None,
            requests_per_minute: 60_000,
            burst: 1000,
            concurrency: 4,
            timeout: Duration::from_secs(5),
            max_attempts: 3,
            backoff: Duration::from_millis(5),
            max_wait: Duration::from_secs(60),
            eligible_types: vec!["activeUser".into()],
            proxy: None,
            trust: Trust::default(),
        }
    }

    pub(super) fn client(&self) -> Client {
        Client::new(&self.settings()).unwrap()
    }

    /// The first `times` requests of this kind, after `skip` of them, meet an action. `*` as path is any.
    pub(super) fn fault(&self, method: &'static str, path: &str, skip: u32, times: u32, action: Action) {
        self.world().faults.push(Fault { method, path: path.into(), action, skip, times });
    }

    /// Every request of this kind is answered like this.
    pub(super) fn always(&self, method: &'static str, path: &str, status: u16, body: &str) {
        self.fault(method, path, 0, u32::MAX, Action::Reply(status, &[], body.into()));
    }

    /// Method, path and query of all requests but the token's, in order of arrival.
    pub(super) fn lines(&self) -> Vec<String> {
        let world = self.world();
        let lines = world.log.iter().map(|seen| seen.line.clone());
        lines.filter(|line| !line.contains("/oauth/")).collect()
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.world().log.iter().filter(|seen| seen.line.starts_with(start)).count()
    }

    pub(super) fn members(&self, group: &str) -> String {
        let world = self.world();
        let members: Vec<&str> = world.groups[group].members.iter().map(String::as_str).collect();
        members.join(" ")
    }

    async fn serve<S: Wire>(&self, mut stream: S) {
        let Some(seen) = read_request(&mut stream).await else {
            return;
        };
        let action = {
            let mut world = self.world();
            world.log.push(seen.clone());
            world.action(&seen)
        };
        let half = matches!(action, Some(Action::Half));
        let (status, headers, body) = match action {
            Some(Action::Cut) => return,
            Some(Action::CutAfter) => {
                self.world().answer(&seen);
                return;
            }
            Some(Action::PlainAfter) => {
                self.world().answer(&seen);
                let _ = stream.socket().write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
                return;
            }
            Some(Action::FailAfter) => {
                self.world().answer(&seen);
                (502, &[] as &[_], "<html>Bad Gateway</html>".to_owned())
            }
            Some(Action::Hang) => return std::future::pending().await,
            Some(Action::Reply(status, headers, body)) => (status, headers, body),
            Some(Action::Half) | None => {
                let (status, body) = self.world().answer(&seen);
                (status, &[] as &[_], body)
            }
        };
        let mut reply = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            reply += &format!("{name}: {value}\r\n");
        }
        reply += "\r\n";
        let mut bytes = reply.into_bytes();
        bytes.extend(body.as_bytes());
        if half {
            bytes.truncate(bytes.len() - body.len() / 2 - 1);
        }
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
    }
}

/// A connection, under TLS or not.
trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// What lies below TLS.
    fn socket(&mut self) -> &mut TcpStream;
}

impl Wire for TcpStream {
    fn socket(&mut self) -> &mut TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&mut self) -> &mut TcpStream {
        self.get_mut().0
    }
}

impl Fault {
    fn fits(&self, seen: &Seen) -> bool {
        let (method, path) = seen.line.split_once(' ').unwrap();
        let path = path.strip_prefix("/v1").unwrap_or(path);
        (self.method == method || self.method == "*") && (self.path == "*" || self.path == path)
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let line = format!("{} {}", first.next()?, first.next()?);
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8(bytes[end..end + length].to_vec()).unwrap();
    Some(Seen { line, body: serde_json::from_str(&text).unwrap_or(Value::Null), text, headers })
}

impl World {
    fn new() -> Self {
        let user = |n: u32| json!({"id": format!("i{n}"), "userId": format!("u{n}"), "email": format!("p{n}@corp.example"), "type": "activeUser"});
        let mut users: Vec<Value> = (1..=9).map(user).collect();
        users.push(json!({"id": "i-me", "userId": "me", "type": "serviceAccount"}));
        let group = |name: &str, lead: Option<&str>, members: &str| Group {
            name: name.into(),
            lead: lead.map(str::to_owned),
            members: members.split_whitespace().map(str::to_owned).collect(),
            listed: true,
            archived: false,
        };
        Self {
            me: "me".into(),
            users,
            groups: [("g1", group("One", Some("u1"), "u1 u2")), ("g2", group("Two", None, ""))]
                .map(|(id, group)| (id.to_owned(), group))
                .into(),
            style: Style::Members,
            bad: BTreeSet::new(),
            ignored: BTreeSet::new(),
            most: usize::MAX,
            strict: false,
            stale_reads: 0,
            bare_groups: false,
            hide_memberless: false,
            token_body: r#"{"access_token":"TOKEN","token_type":"Bearer","expires_in":3600}"#.into(),
            good_tokens: ids::<String>("t1 t2 t3 t4 t5 t6 t7 t8 t9").into_iter().collect(),
            log: Vec::new(),
            before: BTreeMap::new(),
            faults: Vec::new(),
            tokens: 0,
        }
    }

    fn action(&mut self, seen: &Seen) -> Option<Action> {
        for fault in self.faults.iter_mut().filter(|fault| fault.fits(seen)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Some(fault.action.clone());
            }
        }
        None
    }

    fn answer(&mut self, seen: &Seen) -> (u16, String) {
        let (method, target) = seen.line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path == "/oauth/token" {
            self.tokens += 1;
            return (200, self.token_body.replace("TOKEN", &format!("t{}", self.tokens)));
        }
        let bearer = seen.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !bearer.is_some_and(|token| self.good_tokens.contains(token)) {
            return (401, r#"{"message":"token not taken"}"#.into());
        }
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["users", "me"]) => (200, json!({"id": self.me}).to_string()),
            ("GET", ["users"]) => (200, json!(self.users).to_string()),
            ("GET", ["groups"]) => (200, self.list(query)),
            ("GET", ["groups", "users"]) => (200, self.memberships()),
            ("POST", ["groups"]) => self.create(&seen.body),
            (_, ["groups", id, ..]) if !self.groups.contains_key(*id) => (404, r#"{"message":"no such group"}"#.into()),
            ("GET", ["groups", id]) => (200, self.group(id).to_string()),
            ("PATCH", ["groups", id]) => self.patch(id, &seen.body),
            ("GET", ["groups", id, "users"]) => (200, self.one_membership(id)),
            ("POST", ["groups", id, "users"]) => self.write(id, &seen.body, true),
            ("PUT", ["groups", id, "users", "delete"]) => self.write(id, &seen.body, false),
            _ => (405, String::new()),
        }
    }

    fn group(&self, id: &str) -> Value {
        let group = &self.groups[id];
        json!({"id": id, "orgId": "org", "name": group.name, "groupLeadId": group.lead})
    }

    fn list(&self, query: &str) -> String {
        let archived = query.contains("status=archived");
        let shown = |group: &Group| if archived { group.archived } else { group.listed };
        let list: Vec<Value> =
            self.groups.iter().filter(|(_, group)| shown(group)).map(|(id, _)| self.group(id)).collect();
        json!(list).to_string()
    }

    fn memberships(&self) -> String {
        let list: Vec<Value> = self
            .groups
            .iter()
            .filter(|(_, group)| group.listed && !(self.hide_memberless && group.members.is_empty()))
            .map(|(id, group)| json!({"id": "x", "groupId": id, "userIds": group.members}))
            .collect();
        json!(list).to_string()
    }

    fn one_membership(&mut self, id: &str) -> String {
        let mut members = &self.groups[id].members;
        if self.stale_reads > 0 {
            self.stale_reads -= 1;
            members = self.before.get(id).unwrap_or(members);
        }
        json!({"groupId": id, "userIds": members}).to_string()
    }

    fn refusal(&self, sent: &[String]) -> Option<(u16, String)> {
        if sent.len() > self.most {
            return Some((413, r#"{"message":"too many"}"#.into()));
        }
        let bad = sent.iter().find(|id| self.bad.contains(*id))?;
        Some((400, json!({"message": format!("user {bad} is not known")}).to_string()))
    }

    fn create(&mut self, body: &Value) -> (u16, String) {
        let sent = strings(&body["userIds"]);
        let lead = body["groupLeadId"].as_str().map(str::to_owned);
        let mentioned: Vec<String> = sent.iter().cloned().chain(lead.clone()).collect();
        if let Some(refusal) = self.refusal(&mentioned) {
            return refusal;
        }
        let name = body["name"].as_str().unwrap().to_owned();
        if self.groups.values().any(|group| group.name == name) {
            return (409, r#"{"message":"the name is taken"}"#.into());
        }
        let id = format!("new{}", self.groups.len());
        let members: BTreeSet<String> = sent.into_iter().filter(|id| !self.ignored.contains(id)).collect();
        let mut reply = json!({"id": id, "orgId": "org", "name": name});
        if !self.bare_groups {
            reply["groupLeadId"] = json!(lead);
            reply["userIds"] = json!(members);
        }
        self.groups.insert(id, Group { name, lead, members, listed: true, archived: false });
        (200, reply.to_string())
    }

    fn patch(&mut self, id: &str, body: &Value) -> (u16, String) {
        if let Some(refusal) = self.refusal(&strings(&json!([body["groupLeadId"]]))) {
            return refusal;
        }
        let group = self.groups.get_mut(id).unwrap();
        if body["clearGroupLead"] == json!(true) {
            group.lead = None;
        } else if let Some(lead) = body["groupLeadId"].as_str().filter(|lead| !self.ignored.contains(*lead)) {
            group.lead = Some(lead.to_owned());
        }
        match self.style {
            Style::Members => (200, self.group(id).to_string()),
            Style::Empty => (204, String::new()),
            _ => (200, body.to_string()),
        }
    }

    fn write(&mut self, id: &str, body: &Value, add: bool) -> (u16, String) {
        let sent = strings(&body["userIds"]);
        if let Some(refusal) = self.refusal(&sent) {
            return refusal;
        }
        let before = self.groups[id].members.clone();
        let so = sent.iter().find(|id| self.strict && before.contains(*id) == add);
        if let Some(so) = so {
            let status = if add { 409 } else { 404 };
            return (status, json!({"message": format!("{so} is so already")}).to_string());
        }
        let members = &mut self.groups.get_mut(id).unwrap().members;
        for one in sent.iter().filter(|id| !self.ignored.contains(*id)) {
            if add {
                members.insert(one.clone());
            } else {
                members.remove(one);
            }
        }
        let changed: Vec<&String> = members.symmetric_difference(&before).collect();
        let reply = match self.style {
            Style::Members => json!({"groupId": id, "userIds": members}),
            Style::Echo => json!({"groupId": id, "userIds": sent}),
            Style::Changed => json!({"groupId": id, "userIds": changed}),
            Style::Without => json!({"groupId": id}),
            Style::Empty => Value::Null,
            Style::Html => Value::Null,
        };
        self.before.insert(id.to_owned(), before);
        match self.style {
            Style::Empty => (204, String::new()),
            Style::Html => (200, "<html>ok</html>".into()),
            _ => (200, reply.to_string()),
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    let entries = value.as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What is known, owned, so that a test can change one thing.
#[derive(Debug, Default, Clone)]
pub(super) struct Memory {
    pub(super) own: Option<String>,
    pub(super) member_id: Option<rosterd::model::live::MemberIdKind>,
    pub(super) groups: BTreeMap<GroupId, String>,
    pub(super) mapped: BTreeSet<GroupId>,
    pub(super) left: Memberships,
}

impl Memory {
    /// After a full run over `g1` and `g2`.
    pub(super) fn settled() -> Self {
        Self {
            own: Some("me".into()),
            member_id: None,
            groups: [(GroupId::from("g1"), "One".to_owned()), (GroupId::from("g2"), "Two".to_owned())].into(),
            mapped: ids("g1 g2").into_iter().collect(),
            left: [(GroupId::from("g1"), ids("u1 u2")), (GroupId::from("g2"), Vec::new())].into(),
        }
    }

    pub(super) fn known(&self) -> Known<'_> {
        Known {
            own_account: self.own.as_deref(),
            member_id: self.member_id,
            groups: &self.groups,
            mapped: &self.mapped,
            is_target: &|_| false,
            left: &self.left,
        }
    }
}
