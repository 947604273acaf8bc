//! Files read and digested on a thread of its own, ahead of whoever reads their rows. Floor 2.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use crate::model::digest::Digest;

use super::state::Digesting;

/// So much is read at a time …
const PIECE: usize = 1 << 18;

/// … and so many pieces wait for the one who reads.
const WAITING: usize = 2;

/// Lets somebody read an input of about this size, from its beginning to wherever they want, and gives the digest
/// of all of it. The digest fails as the reading does.
pub(super) fn digested<T>(
    input: impl Read + Send,
    size: u64,
    read: impl FnOnce(&mut dyn Read) -> T,
) -> (T, io::Result<String>) {
    if size <= PIECE as u64 {
        let mut input = Digesting::new(input);
        return (read(&mut input), input.finish());
    }
    let (pieces, arriving) = mpsc::sync_channel(WAITING);
    let (back, used) = mpsc::channel();
    thread::scope(|scope| {
        let digest = scope.spawn(move || digest(input, &pieces, &used));
        let result = read(&mut Arriving { arriving, back, piece: Vec::new(), at: 0 });
        match digest.join() {
            Ok(digest) => (result, digest),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Reads to the end, also when nobody wants the pieces any more.
fn digest(
    mut input: impl Read,
    pieces: &SyncSender<io::Result<Vec<u8>>>,
    used: &Receiver<Vec<u8>>,
) -> io::Result<String> {
    let mut digest = Digest::new();
    loop {
        let mut piece: Vec<u8> = used.try_recv().unwrap_or_default();
        piece.clear();
        match input.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => return Ok(digest.hex()),
            Ok(_) => {}
            Err(error) => {
                let same = io::Error::new(error.kind(), error.to_string());
                // What came before it counts, as far as it goes.
                let _ = pieces.send(Ok(piece)).and_then(|()| pieces.send(Err(error)));
                return Err(same);
            }
        }
        digest.bytes(&piece);
        // Nobody may be there to take it.
        let _ = pieces.send(Ok(piece));
    }
}

/// What was read, as an input.
struct Arriving {
    arriving: Receiver<io::Result<Vec<u8>>>,
    /// For pieces that are used up.
    back: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            let Ok(piece) = self.arriving.recv() else { return Ok(0) };
            // Whether anybody can use it again does not matter.
            let _ = self.back.send(std::mem::replace(&mut self.piece, piece?));
            self.at = 0;
        }
        let count = self.piece.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::sha256_hex;

    #[test]
    fn all_is_digested_however_far_it_is_read() {
        for length in [0, 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            for (size, part) in [(0, 0), (0, length), (u64::MAX, 0), (u64::MAX, length / 2), (u64::MAX, length)] {
                let mut read = Vec::new();
                let (result, digest) =
                    digested(bytes.as_slice(), size, |input| input.take(part as u64).read_to_end(&mut read));
                assert_eq!(result.unwrap(), part);
                assert_eq!(read, bytes[..part]);
                assert_eq!(digest.unwrap(), sha256_hex(&bytes));
            }
        }
    }

    #[test]
    fn what_came_before_a_failure_is_read_and_the_failure_is_told() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the share went away"))
            }
        }
        for (size, length) in [(0, 10), (u64::MAX, 10), (u64::MAX, PIECE), (u64::MAX, 3 * PIECE + 1)] {
            let bytes = vec![b'x'; length];
            let mut read = Vec::new();
            let (result, digest) =
                digested(bytes.as_slice().chain(Failing), size, |input| input.read_to_end(&mut read));
            assert_eq!(result.unwrap_err().to_string(), "the share went away");
            assert_eq!(read, bytes);
            assert!(digest.is_err());
        }
    }
}
