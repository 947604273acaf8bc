//! Floor 4: what lasts longer than one run.

pub mod notices;
