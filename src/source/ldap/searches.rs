//! The searches for people and for groups. Floor 2.

use ldap3::Scope;

use super::Settings;
use super::entry::{Entry, escape};
use super::fault::Fault;
use super::groups::{Group, Groups};
use super::look::is_there;
use super::page::Tally;
use super::people::People;
use super::schema::Schema;
use super::session::{Look, Search, Session};

/// Everybody below the user base, or `most` of them; and whether these are all.
pub(super) async fn scan_people(
    settings: &Settings,
    session: &mut Session,
    most: usize,
) -> Result<(People, Tally, bool), Fault> {
    let search = people_search(settings, None);
    let mut people = People::default();
    let take = |entry: Entry<'_>| people.add(&entry, &settings.schema);
    let scan = session.scan_within("reading people", &search, most, take).await;
    let (tally, everyone) = scan.map_err(|fault| base_help(fault, "user_base", &search.base))?;
    if tally.entries == 0 {
        empty(session, "user_base", &search.base).await?;
    }
    people.seal();
    Ok((people, tally, everyone))
}

/// Every group below the group base.
pub(super) async fn scan_groups(settings: &Settings, session: &mut Session) -> Result<(Groups, Tally), Fault> {
    let search = group_search(settings, None);
    let mut groups = Groups::default();
    let tally = session
        .scan("reading groups", &search, |entry: Entry<'_>| groups.add(Group::of(&entry, &settings.schema)))
        .await;
    let tally = tally.map_err(|fault| base_help(fault, "group_base", &search.base))?;
    if tally.entries == 0 {
        empty(session, "group_base", &search.base).await?;
    }
    Ok((groups, tally))
}

/// A search for people, among those that one of the terms means.
pub(super) fn people_search(settings: &Settings, terms: Option<&str>) -> Search {
    let schema = &settings.schema;
    search(&settings.user_base, &schema.user_filter, terms, schema.person_attributes())
}

/// A search for groups, among those that one of the terms means.
pub(super) fn group_search(settings: &Settings, terms: Option<&str>) -> Search {
    let schema = &settings.schema;
    search(&settings.group_base, &schema.group_filter, terms, schema.group_attributes())
}

/// A term for people who bear an address; `*` stands for anything. Empty where no attribute has addresses.
pub(super) fn addressed(schema: &Schema, pattern: &str) -> String {
    let parts: Vec<String> = pattern.split('*').map(escape).collect();
    let mut value = parts.join("*");
    // Two stars beside each other are no filter.
    while value.contains("**") {
        value = value.replace("**", "*");
    }
    let term = |attribute: &String| match attribute.eq_ignore_ascii_case("proxyAddresses") {
        true => format!("({attribute}=smtp:{value})"),
        false => format!("({attribute}={value})"),
    };
    let terms: String = schema.email_attributes.iter().map(term).collect();
    if terms.is_empty() { terms } else { format!("(|{terms})") }
}

fn search(base: &str, filter: &str, terms: Option<&str>, attributes: Vec<String>) -> Search {
    let filter = match terms {
        None => filter.to_owned(),
        Some(terms) => format!("(&{filter}(|{terms}))"),
    };
    Search { base: base.to_owned(), scope: Scope::Subtree, filter, attributes }
}

/// Names the key of the configuration, where its base is not there.
pub(super) fn base_help(fault: Fault, key: &str, base: &str) -> Fault {
    match fault.code {
        Some(32 | 34) => fault.at(&format_args!("{key} {base:?}")),
        _ => fault,
    }
}

/// What is told of a base below which there was nothing at all: it must be there itself.
async fn empty(session: &Session, key: &str, base: &str) -> Result<(), Fault> {
    match is_there(session, "asking for the base", base).await? {
        Look::Found(_) => Ok(()),
        Look::NotMeant | Look::NoSuchObject => Err(base_help(Fault::of_code("nothing is below it", 32, ""), key, base)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ldap::schema::Preset;

    #[test]
    fn a_pattern_of_addresses_is_a_filter_and_nothing_of_it_is_more() {
        let (one, two) = (Schema::of(Preset::Rfc2307bis), Schema::of(Preset::ActiveDirectory));
        assert_eq!(addressed(&one, "svc-*@corp.example"), "(|(mail=svc-*@corp.example))");
        assert_eq!(addressed(&two, "a**b@c.d"), "(|(mail=a*b@c.d)(proxyAddresses=smtp:a*b@c.d))");
        assert_eq!(addressed(&one, "x)(uid=\\*"), "(|(mail=x\\29\\28uid=\\5c*))");
        assert_eq!(addressed(&Schema { email_attributes: Vec::new(), ..one }, "a@b.c"), "");
        for pattern in ["svc-*@corp.example", "*", "**", "", "*@x", "x)(uid=\\*"] {
            let term = addressed(&two, pattern);
            assert!(ldap3::parse_filter(&term).is_ok(), "{term}");
        }
    }
}
