//! Odd fields, laid over the body of a reply.

use serde::{Serialize, Serializer, ser::Error};
use serde_json::{Map, Value};

/// A body with the fields of a world file laid over its own, all in the order of the alphabet.
pub(super) struct Overlaid<'a, T> {
    pub(super) body: T,
    pub(super) overlay: &'a Map<String, Value>,
}

impl<T: Serialize> Serialize for Overlaid<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.overlay.is_empty() {
            return self.body.serialize(serializer);
        }
        let mut body = serde_json::to_value(&self.body).map_err(S::Error::custom)?;
        if let Value::Object(fields) = &mut body {
            fields.extend(self.overlay.clone());
        }
        body.serialize(serializer)
    }
}
