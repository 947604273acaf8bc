//! A receiver of hooks: a small HTTP server that writes down what it gets and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::ca::Issued;
use super::smtp::{Stream, server_config};

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status with a body.
    Status(u16, String),
    /// A redirect to that address.
    Redirect(String),
    /// Nothing, and the connection stays open.
    Hang,
    /// 200, after that time.
    Late(Duration),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Post {
    /// The first line.
    pub line: String,
    pub headers: Vec<String>,
    pub body: String,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

#[derive(Default)]
struct Shared {
    posts: Vec<Post>,
    /// Answers to come; then 200.
    replies: VecDeque<Reply>,
    hanging: Vec<Box<dyn Stream>>,
}

/// The server. It goes with the process of the test.
pub struct Receiver {
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    shared: Arc<Mutex<Shared>>,
}

impl Receiver {
    pub fn start() -> Self {
        Self::listen(None)
    }

    /// Speaks HTTPS, as `localhost`.
    pub fn start_tls(issued: &Issued) -> Self {
        Self::listen(Some(server_config(issued)))
    }

    fn listen(config: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let base = match &config {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let shared = Arc::new(Mutex::new(Shared::default()));
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, config) = (Arc::clone(&own), config.clone());
                // A client that breaks off ends its connection, and nothing else.
                std::thread::spawn(move || serve(secured(stream, config)?, &shared));
            }
        });
        Self { base, shared }
    }

    /// An address with a secret in its path.
    pub fn url(&self) -> String {
        format!("{}/services/T0000/s3cr3t-in-the-path?sig=s1gnature", self.base)
    }

    pub fn reply(&self, reply: Reply) {
        self.lock().replies.push_back(reply);
    }

    /// Everything that came so far.
    pub fn posts(&self) -> Vec<Post> {
        self.lock().posts.clone()
    }

    /// What came since this was asked last.
    pub fn take(&self) -> Vec<Post> {
        std::mem::take(&mut self.lock().posts)
    }

    /// The field `event` of what came since this was asked last.
    pub fn events(&self) -> Vec<String> {
        self.take().iter().map(|post| post.json()["event"].as_str().unwrap_or("none").to_owned()).collect()
    }

    /// Waits until something came.
    pub fn until_asked(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.lock().posts.is_empty() {
            assert!(Instant::now() < deadline, "nothing came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no thread stops while it has it")
    }
}

fn secured(stream: TcpStream, config: Option<Arc<ServerConfig>>) -> Option<Box<dyn Stream>> {
    match config {
        Some(config) => Some(Box::new(StreamOwned::new(ServerConnection::new(config).ok()?, stream))),
        None => Some(Box::new(stream)),
    }
}

/// Answers until the client goes.
fn serve(stream: Box<dyn Stream>, shared: &Mutex<Shared>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let post = read(&mut stream)?;
        let lock = || shared.lock().expect("no thread stops while it has it");
        let reply = {
            let mut shared = lock();
            shared.posts.push(post);
            shared.replies.pop_front().unwrap_or(Reply::Status(200, "ok".to_owned()))
        };
        let (head, body) = match reply {
            Reply::Status(status, body) => (format!("{status} Said"), body),
            Reply::Late(by) => {
                std::thread::sleep(by);
                ("200 Said".to_owned(), "ok".to_owned())
            }
            Reply::Redirect(to) => (format!("307 Elsewhere\r\nlocation: {to}"), String::new()),
            Reply::Hang => {
                lock().hanging.push(stream.into_inner());
                return None;
            }
        };
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(answer.as_bytes()).ok()?;
        stream.get_mut().flush().ok()?;
    }
}

fn read(reader: &mut BufReader<Box<dyn Stream>>) -> Option<Post> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = lines.remove(0);
    Some(Post { line, headers: lines, body: String::from_utf8(body).ok()? })
}
