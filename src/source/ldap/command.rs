//! A search as a command that a person can try: it stands in the debug log. Floor 2, pure.

use std::fmt;

use ldap3::Scope;

use super::address::Server;
use super::session::Search;
use super::{Bind, Settings};

/// Everything of an ldapsearch command that is the connection's.
pub(super) fn connection(server: &Server, settings: &Settings) -> String {
    let start = if settings.start_tls { " -ZZ" } else { "" };
    let bind = match &settings.bind {
        Bind::Anonymous => " -x".to_owned(),
        Bind::Simple { dn, .. } => format!(" -x -D {} -W", quoted(dn)),
        Bind::External => " -Y EXTERNAL".to_owned(),
    };
    format!("-H {}{start}{bind}", quoted(&server.to_string()))
}

/// A search as it could be pasted into a shell. It asks for the password.
pub(super) struct Command<'a> {
    /// What [`connection`] made.
    pub(super) connection: &'a str,
    /// How many entries are asked for.
    pub(super) size: Size,
    /// The search.
    pub(super) search: &'a Search,
}

/// How many entries are asked for at once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    /// All of them, so many a page.
    Page(i32),
    /// No more than so many.
    Most(i32),
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(size) => write!(f, "-E pr={size}/noprompt"),
            Self::Most(most) => write!(f, "-z {most}"),
        }
    }
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, size, search } = self;
        write!(f, "ldapsearch -LLL -o ldif-wrap=no {connection} {size}")?;
        let scope = match search.scope {
            Scope::Base => "base",
            Scope::OneLevel => "one",
            Scope::Subtree => "sub",
        };
        write!(f, " -b {} -s {scope} {}", quoted(&search.base), quoted(&search.filter))?;
        search.attributes.iter().try_for_each(|attribute| write!(f, " {}", quoted(attribute)))
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Size, quoted};

    #[test]
    fn a_search_for_a_few_is_not_paged() {
        assert_eq!(Size::Page(1000).to_string(), "-E pr=1000/noprompt");
        assert_eq!(Size::Most(10).to_string(), "-z 10");
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("dc=corp,dc=example"), "dc=corp,dc=example");
        assert_eq!(quoted("(cn=a'b)"), r"'(cn=a'\''b)'");
        assert_eq!(quoted(""), "''");
    }
}
