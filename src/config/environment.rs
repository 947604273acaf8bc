//! The variables of the environment as a value, so that tests need not change the process's own.

use std::collections::BTreeMap;

/// What answers for the variables of the environment.
#[derive(Debug, Clone)]
pub struct Environment(Variables);

#[derive(Clone)]
enum Variables {
    Process,
    Fixed(BTreeMap<String, String>),
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        match self {
            Self::Process => f.write_str("process"),
            Self::Fixed(variables) => f.debug_set().entries(variables.keys()).finish(),
        }
    }
}

impl Environment {
    /// The environment of this process.
    pub fn process() -> Self {
        Self(Variables::Process)
    }

    /// These variables and no others.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(Variables::Fixed(variables.collect()))
    }

    /// A variable's value; none if it is not set, or not text.
    pub fn var(&self, name: &str) -> Option<String> {
        match &self.0 {
            // Asking for a name with "=" or NUL in it is no error but finds nothing.
            Variables::Process => std::env::var(name).ok(),
            Variables::Fixed(variables) => variables.get(name).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn debug_shows_names_and_no_values() {
        let environment = Environment::of([("TOKEN", "hunter2")]);
        assert_eq!(environment.var("TOKEN").as_deref(), Some("hunter2"));
        assert_eq!(environment.var("PATH"), None);
        assert_eq!(format!("{environment:?}"), "Environment({\"TOKEN\"})");
        assert!(Environment::process().var("PATH").is_some());
        assert_eq!(Environment::process().var("A=B"), None);
    }
}
