//! Floor 2: the three lists of a read, as they came.

use serde::Deserialize;

use super::super::body::Body;
use super::super::error::TargetError;
use super::super::wire::{self, List};
use super::pieces::{Entries, Pieces};
use crate::model::seal::{Part, SealKey};

/// A list as it came: nothing of it was decoded yet.
#[derive(Debug)]
pub struct Listed {
    call: String,
    body: Body,
}

impl Listed {
    /// The answer to a call, which is named in errors.
    pub(in crate::target) fn new(call: impl Into<String>, body: impl Into<Body>) -> Self {
        Self { call: call.into(), body: body.into() }
    }

    /// Decodes all of it.
    ///
    /// # Errors
    /// It is no list.
    pub fn rows<'a, T: Deserialize<'a>>(&'a self) -> Result<List<T>, TargetError> {
        wire::list(&self.body).map_err(|why| self.fault(why))
    }

    /// Decodes it into what takes in its entries.
    pub(super) fn into_entries<T: Entries>(self, entries: T) -> Result<T, TargetError> {
        Pieces::whole(entries, &self.body).map_err(|why| self.fault(why))
    }

    pub(super) fn fault(&self, why: String) -> TargetError {
        TargetError::Decode { call: self.call.clone(), why }
    }
}

/// The lists of one read.
#[derive(Debug)]
pub struct Lists {
    /// `GET /users`, the deactivated ones too.
    pub users: Listed,
    /// `GET /groups`.
    pub groups: Listed,
    /// `GET /groups/users`.
    pub memberships: Listed,
    /// The `id` of `/users/me`.
    pub own: String,
    /// GETs that were sent by this client before.
    pub(super) before: u32,
    /// GETs that they took.
    pub(super) reads: u32,
}

impl Lists {
    /// GETs that it took.
    pub fn reads(&self) -> u32 {
        self.reads
    }

    /// The seal of all three, and of whose account they are read for, by that key: two equal ones are of the same
    /// answers to the byte. Names in the answers are chosen by people who are not trusted with it: none of them may be
    /// able to make two answers of which one passes for the other, and none knows the key.
    pub fn seal(&self, key: SealKey) -> String {
        let parts: [&[u8]; 4] = [self.own.as_bytes(), &self.users.body, &self.groups.body, &self.memberships.body];
        key.seal((0..).zip(parts).map(|(number, bytes)| {
            let mut part = Part::new(key, number);
            part.take(bytes);
            part
        }))
    }

    /// Lists that were read elsewhere.
    pub fn new(users: Vec<u8>, groups: Vec<u8>, memberships: Vec<u8>, own: &str) -> Self {
        Self {
            users: Listed::new("GET /users", users),
            groups: Listed::new("GET /groups", groups),
            memberships: Listed::new("GET /groups/users", memberships),
            own: own.to_owned(),
            before: 0,
            reads: 0,
        }
    }
}
