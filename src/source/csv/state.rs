//! The state of the files as a whole: a digest of their names and of every byte. Floor 2.

use std::io::{self, Read};

use jiff::Timestamp;

use crate::model::digest::Digest;
use crate::model::id::Watermark;

use super::Settings;
use super::age::{self, Written};
use super::file::{self, Opened};

/// Digests what is read through it.
pub(super) struct Digesting<R> {
    input: R,
    digest: Digest,
}

impl<R: Read> Digesting<R> {
    /// Nothing was read yet.
    pub(super) fn new(input: R) -> Self {
        Self { input, digest: Digest::new() }
    }

    /// Reads what is left, and gives the digest of everything.
    pub(super) fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.digest.hex())
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.digest.bytes(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The state of files: name and digest of each, in their order.
pub(super) fn watermark<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Watermark {
    let mut digest = Digest::new();
    for (name, content) in files {
        digest.part(name).part(content);
    }
    Watermark::new(format!("csv sha256:{}", digest.hex()))
}

/// The state of the files now. An error says why there is nothing to vouch for: the read is to tell of it.
pub(super) fn now(settings: &Settings, now: Timestamp) -> Result<(Watermark, usize), String> {
    let (files, problems) = file::list(&settings.path);
    if let Some(problem) = problems.first() {
        return Err(problem.to_string());
    }
    let (mut contents, mut written) = (Vec::new(), Vec::new());
    for file in &files {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", file.name);
        let opened = Opened::new(&file.path).map_err(|error| failed(&error))?;
        let content = Digesting::new(&opened.file).finish().map_err(|error| failed(&error))?;
        opened.unchanged().map_err(|error| failed(&error))?;
        written.push(Written { name: file.name.clone(), at: opened.stamp.written });
        contents.push(content);
    }
    let aged = age::stopped(&written, now, settings.max_age);
    if let Some(problem) = aged.or_else(|| age::from_the_future(&written, now).next()) {
        return Err(problem.to_string());
    }
    let names = written.iter().map(|file| file.name.as_str());
    Ok((watermark(names.zip(contents.iter().map(String::as_str))), files.len()))
}
