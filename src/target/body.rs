//! Floor 2: long answers, kept as they came until it is known whether anything in them is new.

use std::fmt;
use std::ops::Deref;

use memmap2::MmapMut;

use super::request::Intake;

/// From this length on a body gets memory of its own from the system.
const LONG: usize = 4 << 20;

/// The bytes of an answer.
///
/// A long one lies in huge pages where the system has them: of the time in which nothing but "as before" is
/// found out about 40 MB, a third went into getting them page by page.
pub(super) struct Body {
    bytes: Bytes,
}

enum Bytes {
    /// As many bytes of it as came, behind which there is room for the others.
    Mapped(MmapMut, usize),
    Heap(Vec<u8>),
}

impl Body {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::Heap(bytes) }
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map, length) => map.get(..*length).unwrap_or_default(),
            Bytes::Heap(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

impl Intake for Body {
    fn begin(&mut self, length: usize) {
        self.bytes = match mapped(length) {
            Some(map) => Bytes::Mapped(map, 0),
            None => Bytes::Heap(Vec::with_capacity(length)),
        };
    }

    fn take(&mut self, piece: &[u8]) {
        if let Bytes::Mapped(map, length) = &mut self.bytes {
            let end = *length + piece.len();
            if let Some(room) = map.get_mut(*length..end) {
                room.copy_from_slice(piece);
                *length = end;
                return;
            }
            // Longer than was told.
            self.bytes = Bytes::Heap(self.to_vec());
        }
        if let Bytes::Heap(bytes) = &mut self.bytes {
            bytes.extend_from_slice(piece);
        }
    }
}

/// Memory for a long body; none for a short one, or where the system gives none.
fn mapped(length: usize) -> Option<MmapMut> {
    let map = (length >= LONG).then(|| MmapMut::map_anon(length))?.ok()?;
    // Without huge pages it is slower, and nothing else.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_there_whatever_length_was_told() {
        let bytes: Vec<u8> = (0..LONG + 70_000).map(|at| (at * 7 % 251) as u8).collect();
        for told in [0, 5, LONG - 1, LONG, bytes.len() - 1, bytes.len(), bytes.len() + 1, 2 * bytes.len()] {
            for whole in [0, 1, LONG, bytes.len()] {
                let mut body = Body::new();
                // An attempt that was cut leaves nothing behind.
                body.begin(LONG);
                body.take(b"cut");
                body.begin(told);
                bytes[..whole].chunks(65_537).for_each(|piece| body.take(piece));
                assert!(*body == bytes[..whole], "{told} {whole}");
            }
        }
    }
}
