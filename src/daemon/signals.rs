//! What the service is told by signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR1: run now.
    Run,
    /// SIGTERM, SIGINT: stop.
    Stop,
}

/// The signals of the service. From [`Signals::listen`] on none of them ends the process by itself, and
/// none is lost.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    user1: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen. Needs a runtime.
    ///
    /// # Errors
    /// The system's, which leaves no way to stop cleanly.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for a stop alone; other wishes are kept. For a service that is not up yet.
    pub async fn stop_asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The next wish; a stop before all others.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.user1.recv() => Wish::Run,
        }
    }
}
