//! Progress on a terminal, for work that takes longer than a second.

use std::fmt;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use crate::report::words::clean;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line moves.
const TICK: Duration = Duration::from_millis(120);

/// A handle on the one line of progress. Without a terminal it does nothing. Cheap to clone; the
/// line goes when the last handle does.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Line>>);

struct Line {
    bar: ProgressBar,
    /// Set by the first stage. Dropped with the line, which ends the thread that waits to show it.
    waiting: OnceLock<mpsc::Sender<()>>,
}

impl Line {
    /// Shows the bar after a while. Without a thread there is no progress to see, and nothing else
    /// is lost.
    fn show_later(&self) -> mpsc::Sender<()> {
        let (waiting, ends) = mpsc::channel();
        let bar = self.bar.clone();
        let show = move || {
            if ends.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) && !bar.is_finished() {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(TICK);
            }
        };
        let _ = thread::Builder::new().name("progress".to_owned()).spawn(show);
        waiting
    }
}

impl Progress {
    /// A line that nobody sees.
    pub fn none() -> Self {
        Self::default()
    }

    /// A line on standard error that shows itself a second after the first stage began.
    pub fn on_terminal() -> Self {
        Self(Some(Arc::new(Line {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            waiting: OnceLock::new(),
        })))
    }

    /// Begins a stage of so many steps; none: nobody knows how many.
    pub fn stage(&self, name: &str, steps: Option<u64>) {
        let Some(line) = &self.0 else { return };
        let template = match steps {
            Some(_) => "{spinner} {msg} {pos} of {len}",
            None => "{spinner} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            line.bar.set_style(style);
        }
        line.bar.set_position(0);
        line.bar.set_length(steps.unwrap_or(0));
        line.bar.set_message(clean(name).into_owned());
        line.waiting.get_or_init(|| line.show_later());
    }

    /// So many steps of the stage are done.
    pub fn inc(&self, steps: u64) {
        if let Some(line) = &self.0 {
            line.bar.inc(steps);
        }
    }

    /// Takes the line away for good.
    pub fn finish(&self) {
        if let Some(line) = &self.0 {
            line.bar.finish_and_clear();
        }
    }

    /// Takes the line away while something else is written.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(line) => line.bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.is_some() { "terminal" } else { "none" };
        write!(f, "Progress({kind})")
    }
}

/// Standard error for the log: a line of it never runs into the progress.
#[derive(Debug, Clone)]
pub struct LogWriter(Progress);

impl LogWriter {
    /// A writer that steps around this progress.
    pub fn new(progress: Progress) -> Self {
        Self(progress)
    }
}

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A log that nobody reads any more must not end the work that it tells of.
        let _ = self.0.aside(|| io::Write::write_all(&mut io::stderr(), bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_used_with_and_without_a_terminal() {
        for progress in [Progress::none(), Progress::on_terminal()] {
            progress.stage("reading \u{1b}[2J", Some(3));
            progress.inc(2);
            progress.stage("deciding", None);
            assert_eq!(progress.aside(|| 7), 7);
            progress.finish();
        }
    }
}
