//! The checkpoint file as it is written: looked at from its end, and appended to.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::super::audit::canonical::Json;
use super::super::audit::checkpoint;
use super::super::lock;

/// So much of the end is read: far more than a line has.
const END: u64 = 64 * 1024;

/// The end of a checkpoint file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// The last whole checkpoint: number and line.
    pub(super) last: Option<(i64, String)>,
    /// Whether the file does not end with a line break.
    pub(super) torn: bool,
    /// Whether there are whole lines that are no checkpoints, and none that is.
    pub(super) foreign: bool,
}

/// Looks at the end of the file; none where it is not there.
pub(super) fn look(path: &Path) -> io::Result<Option<Tail>> {
    let found = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    // Opening a pipe would wait for its reader.
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    Ok(Some(tail(&bytes)))
}

fn tail(bytes: &[u8]) -> Tail {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (lines, rest) = bytes.split_at(whole);
    let mut foreign = false;
    for line in lines.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()) {
        if let Some(last) = std::str::from_utf8(line).ok().and_then(number) {
            return Tail { last: Some(last), torn: !rest.is_empty(), foreign: false };
        }
        foreign = true;
    }
    // A first line that was cut off and ended looks foreign; it begins as a checkpoint does.
    let foreign = foreign && !lines.starts_with(b"{");
    Tail { last: None, torn: !rest.is_empty(), foreign }
}

/// Number and text of a line that is a checkpoint.
fn number(line: &str) -> Option<(i64, String)> {
    let Json::Object(fields) = Json::parse(line)? else {
        return None;
    };
    let Some(Json::Int(seq)) = fields.get("seq") else {
        return None;
    };
    checkpoint::mark(*seq, "", &fields, &[]).ok()??;
    Some((*seq, line.to_owned()))
}

/// Appends, and waits until it is on the disk. A file that is made here belongs to whom the state belongs to.
pub(super) fn append(path: &Path, state: &Path, text: &str) -> io::Result<()> {
    let mut options = File::options();
    let mut file = match options.append(true).create_new(true).open(path) {
        Ok(file) => {
            lock::give(&file, state);
            file
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.create_new(false).create(true).open(path)?
        }
        Err(error) => return Err(error),
    };
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(seq: i64) -> String {
        format!(
            r#"{{"actor":{{}},"checkpoint":{{"head_hash":"h","head_seq":{},"key_id":"k","signature":"s"}},"event":"checkpoint","prev":"h","seq":{seq}}}"#,
            seq - 1
        )
    }

    #[test]
    fn the_last_whole_checkpoint_is_found() {
        let at = |text: String| tail(text.as_bytes());
        let last = |seq| Some((seq, line(seq)));
        assert_eq!(at(String::new()), Tail::default());
        assert_eq!(at(format!("{}\n{}\n", line(4), line(9))), Tail { last: last(9), ..Tail::default() });
        let torn = Tail { last: last(4), torn: true, foreign: false };
        assert_eq!(at(format!("{}\n{}", line(4), line(9))), torn, "a line without its end is not whole");
        assert_eq!(at(format!("{}\n{}", line(4), &line(9)[..20])), torn);
        let ended = format!("{}\n{}\n{}", line(4), &line(9)[..20], &line(9)[..30]);
        assert_eq!(at(ended), torn, "it was cut off twice");
        assert_eq!(at(line(4)[..20].to_owned()), Tail { torn: true, ..Tail::default() });
        assert_eq!(at(format!("{}\n", &line(4)[..20])), Tail::default());
        assert_eq!(at("my notes\n".into()), Tail { foreign: true, ..Tail::default() });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_have_an_end(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(tail(&bytes).last, None);
        }
    }
}
