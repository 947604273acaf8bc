//! Groups that changed while they were read. Floor 2.
//!
//! Groups are read one after another. Somebody who is moved meanwhile from one that is still to be read to
//! one that was read already is in neither of them, although never out of both. So all groups are asked
//! once more when they changed last, after all of them were read: where each says what it said when it
//! was read, they were at that moment what was read of them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use tracing::debug;

use super::Settings;
use super::address::Server;
use super::cost::{AT_ONCE, TERMS};
use super::dn::Key;
use super::entry::{Entry, escape, id_in_filter, id_text};
use super::fault::Fault;
use super::groups::{Group, Groups, stamp};
use super::people::Found;
use super::reader::{Raw, Reader};
use super::schema::STAMPS;
use super::searches::{base_help, group_search};
use super::session::{Look, Search, Session};
use super::watermark::{Mark, Reach};
use crate::model::id::DirectoryGroupKey;

/// How often groups are read again. What changes still after that is not to be known now.
const ROUNDS: usize = 3;

/// Why a group is not believed that changed whenever it was read.
const RESTLESS: &str = "it is being changed while it is read: the next run reads it again";

/// Why a group is not believed that is not there any more.
const GONE: &str = "it went away while the directory was read: the next run sees what became of it";

/// The state of a server before it was read.
pub(super) struct Began {
    /// Its state.
    pub(super) mark: Mark,
    /// The server.
    pub(super) server: Server,
    /// Whether what was read is covered by it.
    pub(super) reach: std::sync::Arc<Reach>,
}

impl Began {
    /// Whether nothing changed since, by the word of the server.
    pub(super) async fn still_holds(&self, session: &Session) -> Result<bool, Fault> {
        Ok(self.reach.was_kept() && self.mark.again(session, &self.server).await?.as_ref() == Some(&self.mark))
    }
}

/// A group as it is shown later, without its members.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    /// Its name.
    dn: String,
    /// Its immutable id.
    id: Option<DirectoryGroupKey>,
    /// When it last changed.
    stamp: Vec<String>,
}

impl Shown {
    fn of(entry: &Entry<'_>, id_attribute: &str) -> Self {
        let id = entry.values(id_attribute).find_map(|value| id_text(id_attribute, value));
        Self { dn: entry.dn().to_owned(), id: id.map(DirectoryGroupKey::new), stamp: stamp(entry) }
    }
}

/// A group that is to be read again, or that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Changed {
    /// Which of the groups it is; none for a new one.
    row: Option<usize>,
    /// Its name now.
    dn: String,
}

/// What is not as it was read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    /// Groups to read again.
    changed: Vec<Changed>,
    /// Groups that were not shown.
    unseen: Vec<usize>,
}

/// Compares groups with what is shown of them later. `whole`: every group was asked for, so that what was
/// not read is new.
fn compare(groups: &Groups, shown: Vec<Shown>, whole: bool) -> Difference {
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut others = Vec::new();
    let mut changed = Vec::new();
    for shown in shown {
        match groups.named(Key::of_dn(&shown.dn)).map(|at| at as usize) {
            Some(at) => {
                seen.insert(at);
                if groups.rows.get(at).is_some_and(|group| group.stamp != shown.stamp) {
                    changed.push(Changed { row: Some(at), dn: shown.dn });
                }
            }
            None => others.push(shown),
        }
    }
    let unseen = (0..groups.rows.len()).filter(|at| !seen.contains(at));
    // One that bears another name now is known by its id.
    let mut by_id: BTreeMap<&DirectoryGroupKey, usize> = BTreeMap::new();
    if !others.is_empty() {
        let known = unseen.clone().filter_map(|at| Some((at, groups.rows.get(at)?)));
        by_id.extend(known.filter(|(_, group)| group.immutable).map(|(at, group)| (&group.key, at)));
    }
    let mut renamed = BTreeSet::new();
    for shown in others {
        let row = shown.id.as_ref().and_then(|id| by_id.remove(id));
        if row.is_some() || whole {
            changed.push(Changed { row, dn: shown.dn });
        }
        renamed.extend(row);
    }
    let unseen = unseen.filter(|at| !renamed.contains(at)).collect();
    Difference { changed, unseen }
}

/// Asks the server when its groups changed last. `whole`: all of those that there are.
async fn ask(session: &mut Session, settings: &Settings, groups: &Groups, whole: bool) -> Result<Vec<Shown>, Fault> {
    let attribute = &settings.schema.id_attribute;
    let mut attributes = vec![attribute.clone()];
    attributes.extend(STAMPS.map(str::to_owned));
    let searches: Vec<Search> = match whole {
        true => vec![group_search(settings, None)],
        false => {
            // Those outside of the group base bear no name but their distinguished one.
            let inside = groups.rows.iter().filter(|group| group.immutable && !group.names.is_empty());
            let terms: Vec<String> = inside
                .filter_map(|group| Some(format!("({attribute}={})", id_in_filter(attribute, group.key.as_str())?)))
                .collect();
            terms.chunks(TERMS).map(|chunk| group_search(settings, Some(&chunk.concat()))).collect()
        }
    };
    let mut shown = Vec::new();
    for search in searches {
        let search = Search { attributes: attributes.clone(), ..search };
        let take = |entry: Entry<'_>| shown.push(Shown::of(&entry, attribute));
        let scan = session.scan("asking which groups changed", &search, take).await;
        scan.map_err(|fault| base_help(fault, "group_base", &search.base))?;
    }
    Ok(shown)
}

/// Looks at groups one by one that were not shown. What is no failure of the connection is the group's own
/// fate: it changed, or it is not believed.
async fn look_at(
    session: &Session,
    settings: &Settings,
    groups: &mut Groups,
    unseen: Vec<usize>,
) -> Result<Vec<Changed>, Fault> {
    let stamps = STAMPS.map(str::to_owned);
    let unseen: Vec<(usize, String)> =
        unseen.into_iter().filter_map(|at| Some((at, groups.rows.get(at)?.dn.clone()))).collect();
    let looks = unseen.into_iter().map(|(at, dn)| {
        let stamps = &stamps;
        async move {
            let look = session.look("asking whether a group changed", &dn, &settings.schema.group_filter, stamps).await;
            (at, dn, look)
        }
    });
    let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
    let mut changed = Vec::new();
    while let Some((at, dn, look)) = looks.next().await {
        let Some(group) = groups.rows.get_mut(at) else { continue };
        match look {
            Ok(Look::Found(entry)) if stamp(&entry) == group.stamp => {}
            Ok(Look::Found(_)) => changed.push(Changed { row: Some(at), dn }),
            Ok(Look::NotMeant | Look::NoSuchObject) => group.gap = Some(GONE.to_owned()),
            Err(fault) if fault.code.is_some() => group.gap = Some(fault.to_string()),
            Err(fault) => return Err(fault),
        }
    }
    Ok(changed)
}

impl Reader<'_> {
    /// Reads again what changed while it was read, until all groups are as they were at one moment; see
    /// [this module](self). A group that never stands still is not believed.
    pub(super) async fn steady(
        &mut self,
        session: &mut Session,
        began: Option<&Began>,
        whole: bool,
    ) -> Result<(), Fault> {
        if let Some(began) = began
            && began.still_holds(session).await?
        {
            return Ok(());
        }
        self.late = true;
        if self.raw.everyone {
            let rows: Vec<usize> = (0..self.raw.groups.rows.len()).collect();
            self.late_people(session, &rows).await?;
            let is_later = |at: &usize| {
                let group = self.raw.groups.rows.get(*at);
                began.zip(group).is_some_and(|(began, group)| began.mark.is_before(&group.stamp))
            };
            let later: Vec<usize> = rows.into_iter().filter(is_later).collect();
            self.primary_members(session, &later).await?;
        }
        for round in 1..=ROUNDS {
            let groups = &mut self.raw.groups;
            let shown = ask(session, self.settings, groups, whole).await?;
            let Difference { mut changed, unseen } = compare(groups, shown, whole);
            changed.extend(look_at(session, self.settings, groups, unseen).await?);
            if changed.is_empty() {
                break;
            }
            debug!(groups = changed.len(), round, "groups changed while they were read: reading them again");
            let rows = self.read_again(session, changed).await?;
            let rows = self.rounds(session, rows).await?;
            if round == ROUNDS {
                for at in rows {
                    let group = self.raw.groups.rows.get_mut(at);
                    group.map(|group| group.gap.get_or_insert_with(|| RESTLESS.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Reads groups again, in the place of what was read of them, and new ones. Tells which have to be seen to again.
    async fn read_again(&mut self, session: &Session, changed: Vec<Changed>) -> Result<Vec<usize>, Fault> {
        self.raw.effort.looks += changed.len();
        let schema = &self.settings.schema;
        let asked = &schema.group_attributes();
        let looks = changed.into_iter().map(|Changed { row, dn }| async move {
            (row, session.look("reading a group again", &dn, &schema.group_filter, asked).await)
        });
        let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
        let mut rows = Vec::new();
        while let Some((row, look)) = looks.next().await {
            let Raw { groups, strays, dynamic, .. } = &mut self.raw;
            let gap = match (look, row) {
                (Ok(Look::Found(entry)), Some(at)) => {
                    groups.replace(at, Group::of(&entry, schema));
                    dynamic.retain(|(group, _)| usize::try_from(*group) != Ok(at));
                    // Who was not there when they were looked at may be by now.
                    for (key, _) in groups.rows.get(at).into_iter().flat_map(|group| group.members.iter()) {
                        strays.remove(&key);
                    }
                    rows.push(at);
                    continue;
                }
                (Ok(Look::Found(entry)), None) => {
                    groups.add(Group::of(&entry, schema));
                    continue;
                }
                (Ok(Look::NotMeant | Look::NoSuchObject), _) => GONE.to_owned(),
                (Err(fault), _) if fault.code.is_some() => fault.to_string(),
                (Err(fault), _) => return Err(fault),
            };
            if let Some(group) = row.and_then(|at| groups.rows.get_mut(at)) {
                group.gap = Some(gap);
            }
        }
        Ok(rows)
    }

    /// Everybody was read, perhaps before groups began to list them by another login: who is unknown by it is
    /// asked for.
    pub(super) async fn late_people(&mut self, session: &mut Session, rows: &[usize]) -> Result<(), Fault> {
        let Raw { people, groups, .. } = &mut self.raw;
        people.seal_logins();
        let logins: BTreeSet<&str> = groups
            .of(rows)
            .flat_map(|group| group.logins.iter().map(String::as_str))
            .filter(|login| people.with_login(Key::of_login(login)) == Found::Nobody)
            .collect();
        let name = &self.settings.schema.user_name_attribute;
        let terms: Vec<String> = logins.into_iter().map(|login| format!("({name}={})", escape(login))).collect();
        self.people_with(session, &terms).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ldap::schema::{Preset, Schema};

    fn groups(all: &[(&str, &str, &str)]) -> Groups {
        let mut groups = Groups::default();
        for (dn, id, changed) in all {
            let entry = Entry::of(dn, &[("cn", &["g"]), ("entryUUID", &[id]), ("entryCSN", &[changed])]);
            groups.add(Group::of(&entry, &Schema::of(Preset::Rfc2307bis)));
        }
        groups
    }

    fn shown(all: &[(&str, &str, &str)]) -> Vec<Shown> {
        let of = |(dn, id, changed): &(&str, &str, &str)| {
            Shown::of(&Entry::of(dn, &[("entryUUID", &[id]), ("entryCSN", &[changed])]), "entryUUID")
        };
        all.iter().map(of).collect()
    }

    fn changed(row: Option<usize>, dn: &str) -> Changed {
        Changed { row, dn: dn.to_owned() }
    }

    const READ: [(&str, &str, &str); 3] = [("cn=a,dc=x", "1", "5"), ("cn=b,dc=x", "2", "5"), ("cn=c,dc=x", "3", "7")];

    #[test]
    fn what_shows_the_same_did_not_change() {
        let groups = groups(&READ);
        for whole in [true, false] {
            assert_eq!(compare(&groups, shown(&READ), whole), Difference::default());
            let spelt = shown(&[("CN=A, DC=X", "1", "5"), READ[2], READ[1]]);
            assert_eq!(compare(&groups, spelt, whole), Difference::default());
        }
    }

    #[test]
    fn another_stamp_another_name_and_nothing_at_all() {
        let groups = groups(&READ);
        let later = shown(&[("cn=a,dc=x", "1", "6"), ("cn=z,dc=x", "2", "5")]);
        let moved = vec![changed(Some(0), "cn=a,dc=x"), changed(Some(1), "cn=z,dc=x")];
        for whole in [true, false] {
            assert_eq!(compare(&groups, later.clone(), whole), Difference { changed: moved.clone(), unseen: vec![2] });
        }
        let hidden = shown(&[("cn=a,dc=x", "1", ""), READ[1], READ[2]]);
        assert_eq!(compare(&groups, hidden, false).changed, [changed(Some(0), "cn=a,dc=x")]);
    }

    #[test]
    fn a_group_that_was_not_there_is_new_where_all_were_asked_for() {
        let groups = groups(&READ);
        let later = [READ[0], READ[1], READ[2], ("cn=new,dc=x", "4", "9")];
        assert_eq!(compare(&groups, shown(&later), true).changed, [changed(None, "cn=new,dc=x")]);
        assert_eq!(compare(&groups, shown(&later), false), Difference::default());
        // An id of one that is there as well is no other name of it.
        let twice = [READ[0], READ[1], READ[2], ("cn=copy,dc=x", "1", "5")];
        assert_eq!(compare(&groups, shown(&twice), true).changed, [changed(None, "cn=copy,dc=x")]);
    }
}
