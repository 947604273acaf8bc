//! Who was in a group at a time, by the log alone: members that a run found, and the changes that were made
//! since. One pass; what the log never said is not known, and so it is told.

use std::collections::{BTreeMap, BTreeSet};

use super::record;
use super::record::{Group, Member, Told};
use super::table::{headings, row};
use super::who::Who;

/// The columns of `membership-start.csv` and `membership-end.csv`.
pub(super) const COLUMNS: [&str; 8] =
    ["group_id", "group", "user_id", "email", "since_seq", "since_at", "known_by", "known_until"];

/// Since when somebody is known to be a member, and by which event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Since {
    email: String,
    seq: i64,
    at: String,
    by: &'static str,
}

/// A group by the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    id: String,
    name: String,
    /// The record since which all members are known: a full list, or the group's creation.
    whole_since: Option<i64>,
    /// Until when they are known, where they are known no more.
    known_until: Option<String>,
    /// The members; after that time, those of then.
    members: BTreeMap<String, Since>,
    /// A full list of which not all parts were met yet: where it begins, its last part so far, who is in it.
    pending: Option<(i64, u64, BTreeSet<String>)>,
}

/// Memberships by the log, up to the last record that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    groups: BTreeMap<String, Known>,
    ids: BTreeMap<String, String>,
}

/// What a list of members rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The group's configured name.
    pub group: String,
    /// Its id.
    pub group_id: String,
    /// How many members are known.
    pub members: u64,
    /// The record since which the list is whole; none where only rosterd's own changes are known, and where the
    /// group is looked at no more.
    pub whole_since: Option<i64>,
    /// Until when the members are known, where they are known no more.
    pub known_until: Option<String>,
}

/// The memberships after these records, which begin where the log begins: who was in at the time of the last.
pub fn members_at<'a>(records: impl IntoIterator<Item = &'a Told>) -> Members {
    let mut members = Members::default();
    for told in records {
        members.take(told);
    }
    members
}

impl Members {
    /// Goes one record on.
    pub fn take(&mut self, told: &Told) {
        let Some(group) = told.group.as_ref() else { return };
        if told.event == "observed" {
            self.observed(group, told);
            return;
        }
        let since = |by| Since { email: String::new(), seq: told.seq, at: record::time(told.at), by };
        if told.is("create_group", "done") {
            self.known(group).whole_since.get_or_insert(told.seq);
        } else if told.is_so("add_member") {
            if let Some(member) = &told.member {
                let since = since(if told.is("add_member", "done") { "added" } else { "found when adding" });
                self.known(group).put(member, since);
            }
        } else if told.is_so("remove_member")
            && let Some(member) = &told.member
        {
            self.known(group).members.remove(&member.user_id);
        }
    }

    fn observed(&mut self, group: &Group, told: &Told) {
        let since = |by| Since { email: String::new(), seq: told.seq, at: record::time(told.at), by };
        let known = self.known(group);
        if told.ended.is_some() {
            known.whole_since = None;
            known.known_until = Some(record::time(told.since.unwrap_or(told.at)));
        }
        if told.baseline {
            let (part, of) = (told.part.unwrap_or(1), told.of.unwrap_or(1));
            known.begin(told.seq, part);
            for member in &told.members {
                known.put(member, since("found"));
            }
            known.list(&told.members, part, of);
        }
        for member in &told.added {
            known.put(member, since("found"));
        }
        for member in &told.removed {
            known.members.remove(&member.user_id);
        }
    }

    /// The group, by its id; one that got its id later is the same.
    fn known(&mut self, group: &Group) -> &mut Known {
        if let Some(id) = &group.id {
            self.ids.insert(group.name.clone(), id.clone());
            if let Some(unnamed) = self.groups.remove(&format!("name {}", group.name)) {
                self.groups.entry(id.clone()).or_insert(unnamed);
            }
        }
        let id = group.id.clone().or_else(|| self.ids.get(&group.name).cloned());
        let key = id.clone().unwrap_or_else(|| format!("name {}", group.name));
        let known = self.groups.entry(key).or_default();
        known.id = id.unwrap_or_default();
        known.name.clone_from(&group.name);
        known
    }

    /// As a table, sorted by group and account.
    pub fn csv(&self, who: &Who) -> String {
        let mut text = headings(&COLUMNS);
        for group in self.sorted() {
            let mut rows: Vec<(String, &Since)> =
                group.members.iter().map(|(id, since)| (who.user(id), since)).collect();
            // Pseudonyms must not stand in the order of what they stand for.
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            for (user, since) in rows {
                text.push_str(&row(&[
                    (&group.id).into(),
                    (&who.thing(&group.name)).into(),
                    (&user).into(),
                    (&who.mail(&since.email)).into(),
                    since.seq.into(),
                    (&since.at).into(),
                    since.by.into(),
                    (&group.known_until).into(),
                ]));
            }
        }
        text
    }

    /// What each group's list rests on.
    pub fn standings(&self, who: &Who) -> Vec<Standing> {
        let standing = |group: &Known| Standing {
            group: who.thing(&group.name),
            group_id: group.id.clone(),
            members: group.members.len() as u64,
            whole_since: group.whole_since,
            known_until: group.known_until.clone(),
        };
        self.sorted().into_iter().map(standing).collect()
    }

    fn sorted(&self) -> Vec<&Known> {
        let mut groups: Vec<&Known> = self.groups.values().collect();
        groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        groups
    }
}

impl Known {
    /// A full list, or its next part, begins.
    fn begin(&mut self, seq: i64, part: u64) {
        self.pending = match self.pending.take() {
            _ if part == 1 => Some((seq, part, BTreeSet::new())),
            Some((first, last, listed)) if last + 1 == part => Some((first, part, listed)),
            // The log begins within the list: it is not whole.
            _ => None,
        };
        if part == 1 && self.known_until.is_some() {
            // Nobody knows what happened in between.
            self.members.clear();
        }
    }

    /// Takes a part; with the last one it is known who is not in.
    fn list(&mut self, members: &[Member], part: u64, of: u64) {
        let Some((first, _, listed)) = &mut self.pending else { return };
        listed.extend(members.iter().map(|member| member.user_id.clone()));
        if part >= of {
            self.members.retain(|id, _| listed.contains(id));
            self.whole_since = Some(*first);
            self.known_until = None;
            self.pending = None;
        }
    }

    fn put(&mut self, member: &Member, since: Since) {
        // Found again says nothing new of since when.
        let kept = self.members.entry(member.user_id.clone()).or_insert(since);
        if let Some(email) = &member.email {
            kept.email.clone_from(email);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(seq: i64, fields: &str) -> Told {
        let text = format!(r#"{{"at":"2026-01-01T00:00:0{seq}Z","prev":"","seq":{seq},{fields}}}"#);
        Told::parse(&text).expect("a record")
    }

    fn list(members: &Members) -> Vec<String> {
        let csv = members.csv(&Who::Named);
        csv.lines().skip(1).map(|line| line.replace('"', "")).collect()
    }

    #[test]
    fn outcomes_alone_tell_of_those_that_were_changed() {
        let group = r#""group":{"id":"g1","name":"Risk"}"#;
        let change = |seq, op, user, result| {
            let member = format!(r#""member":{{"user_id":"{user}","email":"{user}@x"}}"#);
            told(seq, &format!(r#""event":"outcome","op":"{op}","result":"{result}",{group},{member}"#))
        };
        let records = [
            change(1, "add_member", "a", "done"),
            change(2, "add_member", "b", "already_so"),
            change(3, "add_member", "c", "failed"),
            change(4, "remove_member", "a", "done"),
            change(5, "remove_member", "d", "done"),
        ];
        let members = members_at(&records);
        assert_eq!(list(&members), ["g1,Risk,b,b@x,2,2026-01-01T00:00:02.000Z,found when adding,"]);
        assert_eq!(members.standings(&Who::Named)[0].whole_since, None);
        assert_eq!(list(&members_at(&records[..1])).len(), 1);
    }

    #[test]
    fn a_full_list_takes_the_place_of_what_was_known_and_goes_over_several_records() {
        let of =
            |seq, rest: &str| told(seq, &format!(r#""event":"observed","group":{{"id":"g1","name":"Risk"}},{rest}"#));
        let records = [
            of(1, r#""baseline":true,"part":1,"of":1,"members":[{"user_id":"old"}]"#),
            of(2, r#""baseline":true,"part":1,"of":2,"members":[{"user_id":"a"}]"#),
            of(3, r#""baseline":true,"part":2,"of":2,"members":[{"user_id":"b"}]"#),
            of(4, r#""added":[{"user_id":"c","email":"c@x"}],"removed":[{"user_id":"a"}]"#),
            of(5, r#""baseline":true,"part":1,"of":2,"members":[{"user_id":"b"}]"#),
            of(6, r#""baseline":true,"part":2,"of":2,"members":[{"user_id":"c"},{"user_id":"d"}]"#),
        ];
        // A list that is renewed makes nobody's membership younger.
        let since: Vec<String> = list(&members_at(&records)).iter().map(|line| line[8..13].to_owned()).collect();
        assert_eq!(since, ["b,,3,", "c,c@x", "d,,6,"]);
        // Half a list takes nobody out.
        assert_eq!(list(&members_at(&records[..5])).len(), 2);
        let records = &records[..4];
        let members = members_at(records);
        let ids: Vec<String> = list(&members).iter().map(|line| line.split(',').nth(2).unwrap().to_owned()).collect();
        assert_eq!(ids, ["b", "c"]);
        assert_eq!(members.standings(&Who::Named)[0].whole_since, Some(2));
    }

    #[test]
    fn members_of_a_group_that_is_looked_at_no_more_are_those_of_the_last_look() {
        let of =
            |seq, rest: &str| told(seq, &format!(r#""event":"observed","group":{{"id":"g1","name":"Risk"}},{rest}"#));
        let records = [
            of(1, r#""baseline":true,"part":1,"of":1,"members":[{"user_id":"a"}]"#),
            of(4, r#""ended":"gone","since":"2026-01-01T00:00:03Z""#),
            of(5, r#""baseline":true,"part":1,"of":1,"members":[{"user_id":"a"}]"#),
        ];
        let members = members_at(&records[..2]);
        let until = "2026-01-01T00:00:03.000Z";
        assert_eq!(list(&members), [format!("g1,Risk,a,,1,2026-01-01T00:00:01.000Z,found,{until}")]);
        let standing = &members.standings(&Who::Named)[0];
        assert_eq!((standing.whole_since, standing.known_until.as_deref()), (None, Some(until)));
        let members = members_at(&records);
        assert_eq!(list(&members), ["g1,Risk,a,,5,2026-01-01T00:00:05.000Z,found,"]);
        assert_eq!(members.standings(&Who::Named)[0].whole_since, Some(5));
    }

    #[test]
    fn a_group_that_rosterd_made_is_known_whole_and_keeps_those_added_before_its_id_was_told() {
        let records = [
            told(
                1,
                r#""event":"outcome","op":"add_member","result":"done","group":{"name":"New"},"member":{"user_id":"a"}"#,
            ),
            told(2, r#""event":"outcome","op":"create_group","result":"done","group":{"id":"g9","name":"New"}"#),
        ];
        let members = members_at(&records);
        assert!(list(&members)[0].starts_with("g9,New,a,"), "{:?}", list(&members));
        assert_eq!(members.standings(&Who::Named)[0].whole_since, Some(2));
    }
}
