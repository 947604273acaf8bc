//! The reading itself: which groups, whose members, which people. Floor 2.
//!
//! All groups are read in one search, beside all people on a connection of their own, where a pattern
//! asks for them; else just the groups that are named, and their members one by one while these are
//! few. Whatever is still unknown then is looked at by name, until nothing is.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use tracing::debug;

use super::Settings;
use super::cost::{self, AT_ONCE, MOST_TERMS, TERMS};
use super::dn::{Key, is_dn, normalise};
use super::entry::{Entry, escape, id_in_filter, without_uid};
use super::fault::Fault;
use super::groups::{Group, Groups};
use super::look::{self, Seen, Stray};
use super::page::Tally;
use super::parts;
use super::people::{Found, People, in_too_many};
use super::searches::{addressed, base_help, group_search, people_search, scan_groups, scan_people};
use super::server::Family;
use super::session::{Look, Search, Session};
use super::url;
use crate::model::directory::Person;
use crate::source::Wanted;

/// Everything that was read.
pub(super) struct Raw {
    /// People.
    pub(super) people: People,
    /// All people of the base were read.
    pub(super) everyone: bool,
    /// Groups.
    pub(super) groups: Groups,
    /// Members who are neither.
    pub(super) strays: BTreeMap<Key, Stray>,
    /// Members that searches of groups found: group, person.
    pub(super) dynamic: Vec<(u32, Key)>,
    /// The server referred to others for some people: who was not found may be there.
    pub(super) elsewhere: bool,
    /// How it went.
    pub(super) effort: Effort,
}

impl Raw {
    /// Just the people. Everything that led to them goes.
    pub(super) fn into_people(self) -> Vec<Person> {
        self.people.rows
    }
}

/// How a reading went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    /// Searches for people.
    pub(super) people: Tally,
    /// Searches for groups.
    pub(super) groups: Tally,
    /// Parts of attributes that were asked for.
    pub(super) ranges: usize,
    /// Entries that were looked at one by one.
    pub(super) looks: usize,
}

/// Why what was not found may be there all the same.
pub(super) const REFERS: &str = "the server refers to other servers, and references are not followed";

/// The reader of one server.
pub(super) struct Reader<'a> {
    settings: &'a Settings,
    wanted: &'a Wanted,
    family: Family,
    raw: Raw,
    /// Groups whose members were seen to.
    done: usize,
    /// A search for everybody was given up: there are more people than this.
    more_than: usize,
}

impl<'a> Reader<'a> {
    /// A reader of a server of this family.
    pub(super) fn new(settings: &'a Settings, wanted: &'a Wanted, family: Family) -> Self {
        let raw = Raw {
            people: People::default(),
            everyone: false,
            groups: Groups::default(),
            strays: BTreeMap::new(),
            dynamic: Vec::new(),
            elsewhere: false,
            effort: Effort::default(),
        };
        Self { settings, wanted, family, raw, done: 0, more_than: 0 }
    }

    /// Reads everything over one connection, or two (`second`) where all groups are wanted.
    pub(super) async fn read(mut self, mut session: Session, second: Option<Session>) -> Result<Raw, Fault> {
        match second {
            Some(mut second) => {
                let (people, groups) = tokio::try_join!(
                    scan_people(self.settings, &mut session, usize::MAX),
                    scan_groups(self.settings, &mut second)
                )?;
                (self.raw.people, self.raw.effort.people, _) = people;
                (self.raw.groups, self.raw.effort.groups) = groups;
                self.raw.everyone = true;
            }
            None => {
                self.named_groups(&mut session).await?;
            }
        }
        self.groups_by_dn(&session).await?;
        while self.done < self.raw.groups.rows.len() {
            self.round(&mut session).await?;
        }
        look::still_named(&session, self.settings, &mut self.raw).await?;
        self.known_people(&mut session).await?;
        self.raw.people.finish();
        self.raw.elsewhere = self.refers() && self.raw.effort.people.references > 0;
        if self.settings.schema.by_member_of() {
            self.distrust_member_of();
        }
        self.distrust_silence();
        Ok(self.raw)
    }

    /// Whether a reference of this server to another one may lead to people or groups. (Every domain of
    /// Active Directory refers to parts of itself where there are none.)
    fn refers(&self) -> bool {
        self.family != Family::ActiveDirectory
    }

    /// Who may not read members reads groups without them, and without an error.
    fn distrust_silence(&mut self) {
        if self.family != Family::OpenLdap {
            return;
        }
        for group in &mut self.raw.groups.rows {
            if let Some(attribute) = group.unseen {
                group.gap.get_or_insert_with(|| {
                    format!(
                        "its {attribute} is not shown, and a group of its class has one: may the bind account read it?"
                    )
                });
            }
        }
    }

    /// Who may not read `memberOf` reads people without it, and so does everybody where the server does
    /// not keep it. As long as groups are there and have no other members, that is no empty directory. (What
    /// groups say of themselves counts for nothing here: rights to them are often others than to people.)
    fn distrust_member_of(&mut self) {
        let silent = |group: &Group| group.members.len() == 0 && group.logins.is_empty();
        let groups = &self.raw.groups.rows;
        if let Some(group) = groups.iter().find(|group| group.has_more_parents) {
            self.raw.people.gap = Some(in_too_many(&group.dn));
        }
        if !groups.is_empty() && groups.iter().all(silent) && self.raw.people.name_no_group() {
            let count = self.raw.people.rows.len();
            self.raw.people.gap = Some(format!("none of {count} people names a group by memberOf"));
        }
        if self.raw.elsewhere || (self.refers() && self.raw.effort.groups.references > 0) {
            for group in &mut self.raw.groups.rows {
                group.gap.get_or_insert_with(|| format!("{REFERS}: who is there may name it by memberOf"));
            }
        }
    }

    /// Sees to the members of the groups that are new.
    async fn round(&mut self, session: &mut Session) -> Result<(), Fault> {
        let new = self.done..self.raw.groups.rows.len();
        self.done = new.end;
        for at in new.clone() {
            let Some(group) = self.raw.groups.rows.get_mut(at) else { continue };
            match parts::rest(session, self.settings, group).await {
                Ok(()) => {}
                // What the server refuses is missing in one group; a connection that ended, everywhere.
                Err(fault) if fault.code.is_some() => group.gap = Some(fault.to_string()),
                Err(fault) => return Err(fault),
            }
            self.raw.effort.ranges += group.ranges;
        }
        if !self.raw.everyone {
            self.primary_members(session, new.clone()).await?;
            self.logins(session, new.clone()).await?;
        }
        self.dynamic(session, new.clone()).await?;
        let unknown = self.unknown(new.clone());
        if !self.raw.everyone && self.tries_everybody(session, unknown.len()).await? {
            return self.look_at(session, self.unknown(new)).await;
        }
        self.look_at(session, unknown).await
    }

    /// Reads all people where that takes less time than looking at so many members, unless they are too
    /// many after all. Tells whether it tried.
    async fn tries_everybody(&mut self, session: &mut Session, members: usize) -> Result<bool, Fault> {
        let (page, trip) = (session.page_size(), session.trip());
        let worth = cost::worth(members, page, trip);
        if worth <= self.more_than {
            return Ok(false);
        }
        debug!(members, ?trip, worth, "reading all people, if they are not more than it is worth");
        match self.people_within(session, worth).await {
            Ok(()) => {}
            // The members can be had without it.
            Err(fault) if fault.is_limit() => self.more_than = usize::MAX,
            Err(fault) => return Err(fault),
        }
        Ok(true)
    }

    async fn every_person(&mut self, session: &mut Session) -> Result<(), Fault> {
        self.people_within(session, usize::MAX).await
    }

    /// Reads all people, or gives up after so many.
    async fn people_within(&mut self, session: &mut Session, most: usize) -> Result<(), Fault> {
        let (settings, known) = (self.settings, &mut self.raw.people);
        let (tally, everyone) = match known.rows.is_empty() {
            true => {
                let (people, tally, everyone) = scan_people(settings, session, most).await?;
                *known = people;
                (tally, everyone)
            }
            false => {
                let search = people_search(settings, None);
                let take = |entry: Entry<'_>| known.add_once(&entry, &settings.schema);
                let scan = session.scan_within("reading people", &search, most, take);
                scan.await.map_err(|fault| base_help(fault, "user_base", &search.base))?
            }
        };
        self.raw.effort.people.add(tally);
        self.raw.everyone = everyone;
        if !everyone {
            self.more_than = self.more_than.max(tally.entries);
        }
        Ok(())
    }

    /// Members whom nothing that was read explains, each once.
    fn unknown(&self, new: std::ops::Range<usize>) -> BTreeMap<Key, String> {
        let rows = self.raw.groups.rows.get(new).unwrap_or_default();
        let mut unknown = BTreeMap::new();
        for (key, name) in rows.iter().flat_map(|group| group.members.iter()) {
            let known = self.raw.people.named(key) != Found::Nobody
                || self.raw.groups.named(key).is_some()
                || self.raw.strays.contains_key(&key);
            if !known {
                unknown.entry(key).or_insert_with(|| without_uid(&name.to_string()).to_owned());
            }
        }
        unknown
    }

    /// Looks at members by name, several at a time. What fails costs the groups that name them.
    async fn look_at(&mut self, session: &Session, unknown: BTreeMap<Key, String>) -> Result<(), Fault> {
        self.raw.effort.looks += unknown.len();
        let settings = self.settings;
        let looks = unknown.into_iter().map(|(key, dn)| async move { (key, look::look(session, settings, &dn).await) });
        let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
        while let Some((key, seen)) = looks.next().await {
            match seen? {
                Seen::Person(entry) => {
                    self.raw.people.add_as(key, &entry, &settings.schema);
                }
                Seen::Group(entry) => {
                    self.raw.groups.add_as(key, outside(Group::of(&entry, &settings.schema), settings));
                }
                Seen::Stray(stray) => {
                    self.raw.strays.insert(key, stray);
                }
            }
        }
        Ok(())
    }

    /// Groups by name, by distinguished name, and by the id under which they fed a target group before.
    async fn named_groups(&mut self, session: &mut Session) -> Result<(), Fault> {
        let schema = &self.settings.schema;
        let mut terms = Vec::new();
        for name in &self.wanted.names {
            let value = escape(name);
            terms.extend(schema.group_name_attributes.iter().map(|attribute| format!("({attribute}={value})")));
        }
        let ids = self.wanted.groups.iter();
        let ids = ids.filter_map(|key| id_in_filter(&schema.id_attribute, key.as_str()));
        terms.extend(ids.map(|id| format!("({}={id})", schema.id_attribute)));
        for chunk in terms.chunks(TERMS) {
            let search = group_search(self.settings, Some(&chunk.concat()));
            let groups = &mut self.raw.groups;
            let tally =
                session.scan("reading groups", &search, |entry: Entry<'_>| groups.add(Group::of(&entry, schema))).await;
            self.raw.effort.groups.add(tally.map_err(|fault| base_help(fault, "group_base", &search.base))?);
        }
        Ok(())
    }

    /// Groups that are named in full, wherever they are. They bear the name as it was written, too.
    async fn groups_by_dn(&mut self, session: &Session) -> Result<(), Fault> {
        let schema = &self.settings.schema;
        for name in self.wanted.names.iter().filter(|name| is_dn(name)) {
            let key = Key::of_dn(name);
            if self.raw.groups.named(key).is_none() {
                self.raw.effort.looks += 1;
                let asked = schema.group_attributes();
                match session.look("reading a group", name, &schema.group_filter, &asked).await {
                    Ok(Look::Found(entry)) => {
                        self.raw.groups.add_as(key, outside(Group::of(&entry, schema), self.settings))
                    }
                    // Not there is an answer; 34 says that the name could be nobody's.
                    Ok(Look::NotMeant | Look::NoSuchObject) => {}
                    Err(fault) if fault.code == Some(34) => {}
                    Err(fault) => return Err(fault.at(name)),
                }
            }
            self.raw.groups.also(key, name);
        }
        Ok(())
    }

    /// People whose primary group is among the new ones.
    async fn primary_members(&mut self, session: &mut Session, new: std::ops::Range<usize>) -> Result<(), Fault> {
        let rows = self.raw.groups.rows.get(new).unwrap_or_default();
        let rids = rows.iter().filter_map(|group| group.sid);
        let terms: Vec<String> = rids.map(|(_, rid)| format!("(primaryGroupID={rid})")).collect();
        self.people_with(session, &terms).await
    }

    /// People whose login names the new groups list.
    async fn logins(&mut self, session: &mut Session, new: std::ops::Range<usize>) -> Result<(), Fault> {
        let name = &self.settings.schema.user_name_attribute;
        let rows = self.raw.groups.rows.get(new).unwrap_or_default();
        let logins: std::collections::BTreeSet<&str> =
            rows.iter().flat_map(|group| group.logins.iter().map(String::as_str)).collect();
        if logins.len() >= MOST_TERMS {
            return self.every_person(session).await;
        }
        let terms: Vec<String> = logins.into_iter().map(|login| format!("({name}={})", escape(login))).collect();
        self.people_with(session, &terms).await
    }

    /// People who were linked to accounts before, and whom nothing has met yet: so that somebody who
    /// is no member any more is not taken for somebody who is gone. And whoever bears an address that
    /// protects: the account may bear another one of theirs.
    async fn known_people(&mut self, session: &mut Session) -> Result<(), Fault> {
        if self.raw.everyone {
            return Ok(());
        }
        let attribute = &self.settings.schema.id_attribute;
        let met = self.raw.people.keys();
        let known = self.wanted.people.people().filter(|key| !met.contains(key));
        let known = known.filter_map(|key| Some(format!("({attribute}={})", id_in_filter(attribute, key)?)));
        let schema = &self.settings.schema;
        let protected = self.wanted.protected.iter().map(|pattern| addressed(schema, pattern));
        let terms: Vec<String> = known.chain(protected.filter(|term| !term.is_empty())).collect();
        if terms.len() >= MOST_TERMS {
            return self.every_person(session).await;
        }
        self.people_with(session, &terms).await
    }

    async fn people_with(&mut self, session: &mut Session, terms: &[String]) -> Result<(), Fault> {
        for chunk in terms.chunks(TERMS) {
            let search = people_search(self.settings, Some(&chunk.concat()));
            let people = &mut self.raw.people;
            let schema = &self.settings.schema;
            let tally =
                session.scan("reading people", &search, |entry: Entry<'_>| people.add_once(&entry, schema)).await;
            self.raw.effort.people.add(tally.map_err(|fault| base_help(fault, "user_base", &search.base))?);
        }
        Ok(())
    }

    /// Members that a group's own search finds.
    async fn dynamic(&mut self, session: &mut Session, new: std::ops::Range<usize>) -> Result<(), Fault> {
        let schema = &self.settings.schema;
        let refers = self.refers();
        let Raw { people, groups, dynamic, effort, .. } = &mut self.raw;
        for at in new {
            let Some(group) = groups.rows.get_mut(at) else { continue };
            for text in std::mem::take(&mut group.urls) {
                let Some(url) = url::parse(&text) else {
                    group.gap = Some(format!("its memberURL {text:?} is no search on this server"));
                    continue;
                };
                let search = Search {
                    base: url.base,
                    scope: url.scope,
                    filter: format!("(&{}{})", schema.user_filter, url.filter),
                    attributes: schema.person_attributes(),
                };
                let number = u32::try_from(at).unwrap_or(u32::MAX);
                let take = |entry: Entry<'_>| {
                    dynamic.push((number, Key::of_dn(entry.dn())));
                    people.add_once(&entry, schema);
                };
                match session.scan("a group's own search", &search, take).await {
                    Ok(tally) => {
                        if refers && tally.references > 0 {
                            group.gap = Some(format!("its memberURL {text:?}: {REFERS}"));
                        }
                        effort.people.add(tally);
                    }
                    Err(fault) if fault.again => return Err(fault),
                    Err(fault) => group.gap = Some(format!("its memberURL {text:?}: {fault}")),
                }
            }
        }
        Ok(())
    }
}

/// A group that was found by its distinguished name. Outside the group base it is called by that alone.
fn outside(mut group: Group, settings: &Settings) -> Group {
    let base = normalise(&settings.group_base);
    let inside = normalise(&group.dn).strip_suffix(&base).is_some_and(|rest| rest.is_empty() || rest.ends_with(','));
    if !inside && !base.is_empty() {
        group.call_by_dn();
    }
    group
}
