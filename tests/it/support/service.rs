//! The service as systemd sees it: started with a socket of its own for notifications, steered by
//! signals, watched with deadlines.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::bench::Bench;

/// Nothing here takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// What the service promises for its end.
const STOP: Duration = Duration::from_secs(10);

/// A started `rosterd run`. It is killed when it is dropped.
pub struct Service {
    child: Child,
    socket: UnixDatagram,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    /// Everything that systemd was told, a datagram each.
    told: Vec<String>,
    /// How many of them [`Service::until_told`] has passed.
    passed: usize,
}

impl Service {
    /// Starts it, and waits until it is ready.
    pub fn start(bench: &Bench) -> Self {
        Self::start_with(bench, &[], &[])
    }

    /// The same with more options and variables.
    pub fn start_with(bench: &Bench, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let path = bench.path("notify.socket");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut args = vec!["run"];
        args.extend(options);
        let mut command = bench.command(&args);
        command.env("NOTIFY_SOCKET", &path).envs(variables.iter().copied());
        let mut child = command.spawn().expect("the binary starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut service = Self { child, socket, log, reader: Some(reader), told: Vec::new(), passed: 0 };
        service.until_told("READY=1");
        service
    }

    /// The next datagram to systemd that has this in it, behind the one that was asked for before.
    #[track_caller]
    pub fn until_told(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut left = self.told.iter().skip(self.passed);
            if let Some(at) = left.position(|message| message.contains(text)) {
                self.passed += at + 1;
                return self.told[self.passed - 1].clone();
            }
            self.passed = self.told.len();
            if self.read(Duration::from_millis(200)) {
                continue;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{status} before systemd was told {text:?}\n{}\n{:#?}", self.log(), self.told);
            }
        }
        panic!("systemd was not told {text:?}\n{}\n{:#?}", self.log(), self.told);
    }

    /// Takes a datagram, if one comes in that time.
    fn read(&mut self, patience: Duration) -> bool {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 4096];
        let Ok(length) = self.socket.recv(&mut buffer) else { return false };
        self.told.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        true
    }

    /// Everything that systemd was told so far; what comes next is new.
    pub fn told(&mut self) -> Vec<String> {
        while self.read(Duration::from_millis(1)) {}
        self.passed = self.told.len();
        self.told.clone()
    }

    /// Takes what systemd is told, for a moment. Where nobody does for long, the service has to wait.
    pub fn hear(&mut self) {
        self.read(Duration::from_millis(20));
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// How many lines of the log have this in them.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until so many lines of the log have this in them. What systemd is told meanwhile is kept.
    #[track_caller]
    pub fn until_logged(&mut self, text: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.logged(text) < count {
            assert!(Instant::now() < deadline, "{text:?} is not in the log {count} times:\n{}", self.log());
            self.read(Duration::from_millis(10));
        }
    }

    /// Sends a signal: `TERM`, `HUP`, `USR1`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }

    /// Stops it as systemd does. It ends with 0, within the time that it promises.
    #[track_caller]
    pub fn stop(self) -> Stopped {
        self.signal("TERM");
        self.ends()
    }

    /// Waits for the end after a stop that was asked for just now.
    #[track_caller]
    pub fn ends(mut self) -> Stopped {
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(asked.elapsed() < STOP, "it does not stop:\n{}", self.log());
            self.read(Duration::from_millis(10));
        };
        let took = asked.elapsed();
        self.reader.take().unwrap().join().unwrap();
        let (log, told) = (self.log(), self.told());
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        assert!(told.iter().any(|message| message.contains("STOPPING=1")), "{told:#?}");
        Stopped { log, told, took }
    }

    /// Kills it like a power cut.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A service that has stopped.
pub struct Stopped {
    pub log: String,
    /// What systemd was told, a datagram each.
    pub told: Vec<String>,
    /// How long the stop took.
    pub took: Duration,
}

impl Stopped {
    /// How many lines of the log have this in them.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lines().filter(|line| line.contains(text)).count()
    }
}
