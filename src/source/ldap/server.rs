//! What a server says of itself (its root DSE; RFC 4512, section 5.1). Floor 2.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::dn::normalise;
use super::entry::Entry;
use super::fault::Fault;
use super::session::{Look, Session};
use super::watermark::is_within;
use crate::model::problem::Problem;

/// A certificate that ends within this time is told.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 21);

/// What is known of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct About {
    product: String,
    contexts: Vec<String>,
    expires: Option<Timestamp>,
    /// Whom it takes us for, where it says so.
    identity: Option<String>,
    family: Family,
}

/// Which server it is, as far as that matters for what it can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Family {
    /// Active Directory, or Samba as such.
    ActiveDirectory,
    /// OpenLDAP.
    OpenLdap,
    /// Any other.
    #[default]
    Other,
}

impl About {
    /// Asks. A server that keeps it to itself is no worse for it.
    pub(super) async fn ask(session: &Session) -> Result<Self, Fault> {
        let asked = [
            "vendorName",
            "vendorVersion",
            "namingContexts",
            "defaultNamingContext",
            "dnsHostName",
            "supportedCapabilities",
            "supportedExtension",
            "objectClass",
            "structuralObjectClass",
        ]
        .map(str::to_owned);
        let about = match session.look("asking what the server is", "", "(objectClass=*)", &asked).await {
            Ok(Look::Found(entry)) => Self { identity: identity(session, &entry).await?, ..Self::of(&entry) },
            Err(fault) if fault.code.is_none() => return Err(fault),
            _ => Self::default(),
        };
        Ok(Self { expires: session.expires(), ..about })
    }

    fn of(entry: &Entry<'_>) -> Self {
        // Active Directory names itself by its capabilities (MS-ADTS 3.1.1.3.4.3).
        let active_directory = entry.texts("supportedCapabilities").any(|oid| oid == "1.2.840.113556.1.4.800");
        let vendor: Vec<&str> = ["vendorName", "vendorVersion"].iter().filter_map(|name| entry.text(name)).collect();
        let openldap = entry.texts("objectClass").chain(entry.texts("structuralObjectClass"));
        let openldap = openldap.into_iter().any(|class| class == "OpenLDAProotDSE");
        let family = match (active_directory, openldap) {
            (true, _) => Family::ActiveDirectory,
            (false, true) => Family::OpenLdap,
            (false, false) => Family::Other,
        };
        let product = match (vendor.as_slice(), active_directory) {
            (["Samba Team (https://www.samba.org)", ..], _) => "Samba (Active Directory)".to_owned(),
            ([], true) => "Active Directory".to_owned(),
            (vendor, true) => format!("{} (Active Directory)", vendor.join(" ")),
            ([], false) if openldap => "OpenLDAP".to_owned(),
            ([], false) => String::new(),
            (vendor, false) => vendor.join(" "),
        };
        let contexts = match entry.text("defaultNamingContext") {
            Some(own) => vec![own.to_owned()],
            None => entry.texts("namingContexts").map(str::to_owned).collect(),
        };
        Self { product, contexts, expires: None, identity: None, family }
    }

    /// When its certificate ends.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Whom it takes us for, where it says so.
    pub(super) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Which server it is.
    pub(super) fn family(&self) -> Family {
        self.family
    }

    /// The naming contexts that these names lie in, each once; none where one lies in none. A context
    /// may lie in another: the innermost counts.
    pub(super) fn contexts_of(&self, names: &[&str]) -> Option<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for name in names {
            let name = normalise(name);
            let around = self.contexts.iter().filter(|context| is_within(&name, &normalise(context)));
            let context = around.max_by_key(|context| normalise(context).len())?;
            if !found.contains(context) {
                found.push(context.clone());
            }
        }
        found.sort();
        Some(found)
    }

    /// What of it should be seen to.
    pub(super) fn problems(&self, place: &str, now: Timestamp) -> Option<Problem> {
        let expires = self.expires.filter(|expires| expires.duration_since(now) < SOON)?;
        let text = format!("the server's certificate ends on {}", expires.strftime("%Y-%m-%d"));
        Some(Problem::new(place, text).help("renew it in time"))
    }
}

/// Asks whom the server takes us for, where it offers to say (some break off, where they do not).
async fn identity(session: &Session, root: &Entry<'_>) -> Result<Option<String>, Fault> {
    const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
    match root.texts("supportedExtension").any(|oid| oid == WHO_AM_I) {
        true => session.who_am_i().await,
        false => Ok(None),
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.product.is_empty() { "a server that does not name itself" } else { &self.product })?;
        if !self.contexts.is_empty() {
            write!(f, " ({})", self.contexts.join("; "))?;
        }
        if let Some(expires) = self.expires {
            write!(f, ", certificate until {}", expires.strftime("%Y-%m-%d"))?;
        }
        Ok(())
    }
}
