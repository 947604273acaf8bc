//! The answer for now: the facts of a run, and what the log tells of the last change.

use jiff::Timestamp;

use super::past::{attempt, entry, moves};
use super::verdict::verdict;
use super::who::{Identity, person};
use super::{
    AccountEntry, Asked, ChangeAnswer, ExplainDocument, FORMAT, FactsEntry, FactsSource, GrantWay, GroupAnswer,
    HoldAnswer, MappingEntry, NotGranted, PersonEntry, SkipAnswer,
};
use crate::model::address::Address;
use crate::model::facts::{ChangeFacts, Facts, FeedFacts, Found, GroupFacts, MappingFacts, PersonFacts, SourceFacts};
use crate::model::history::Event;
use crate::model::id::AccountId;
use crate::model::live::{Account, Standing};
use crate::report::build::time;
use crate::report::words;

/// What a skip of a group's lead says of itself; it is about no membership.
const AS_LEAD: &str = "as the group's lead";

/// Everything that an answer for now is made of.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What was asked.
    pub asked: &'a Asked,
    /// The facts.
    pub facts: &'a Facts<'a>,
    /// The person.
    pub who: &'a Identity,
    /// The one group; none: all that concern the person.
    pub group: Option<&'a GroupFacts>,
    /// The account of which the log is asked: theirs, or the one that the log knows them by.
    pub in_log: Option<&'a AccountId>,
    /// What the log tells of it.
    pub events: &'a [Event],
    /// When the holds of events began to wait, by the events' numbers.
    pub holds: &'a std::collections::BTreeMap<i64, Timestamp>,
    /// Now.
    pub now: Timestamp,
}

/// The answer.
pub fn answer(question: &Question<'_>) -> ExplainDocument {
    let facts = question.facts;
    let account = account(question);
    let groups: Vec<GroupAnswer> = match question.group {
        Some(group) => vec![group_answer(question, group)],
        None => facts.groups.iter().map(|group| group_answer(question, group)).filter(concerns).collect(),
    };
    ExplainDocument {
        format: FORMAT.to_owned(),
        asked: question.asked.clone(),
        facts: Some(facts_entry(question)),
        people: question.who.people.iter().filter_map(|at| person_entry(facts, *at)).collect(),
        account: account.map(account_entry),
        groups,
        notes: Vec::new(),
    }
}

fn concerns(answer: &GroupAnswer) -> bool {
    answer.member != Some(false)
        || !answer.grants.is_empty()
        || !answer.skips.is_empty()
        || answer.change.is_some()
        || answer.last_change.is_some()
        || answer.not_granted.iter().any(|not| not.why == "disabled")
}

fn account<'a>(question: &Question<'a>) -> Option<&'a Account> {
    let id = question.who.account.as_ref()?;
    question.facts.accounts.get(question.facts.account_index(id)? as usize)
}

fn facts_entry(question: &Question<'_>) -> FactsEntry {
    let facts = question.facts;
    let has = |at: u32| question.who.people.iter().any(|(source, _)| *source == at);
    let source = |(at, source): (u32, &SourceFacts<'_>)| FactsSource {
        name: source.name.to_string(),
        kind: source.kind.clone(),
        complete: source.unread.is_none(),
        why: source.unread.clone(),
        evidence: source.evidence.clone(),
        has_person: has(at),
    };
    FactsEntry {
        run_id: facts.run.to_string(),
        at: time(facts.at),
        age_seconds: question.now.duration_since(facts.at).as_secs().max(0),
        complete: facts.complete,
        sources: (0..).zip(&facts.sources).map(source).collect(),
    }
}

fn person_entry(facts: &Facts<'_>, at: (u32, u32)) -> Option<PersonEntry> {
    let source = facts.sources.get(at.0 as usize)?;
    let person = person(facts, at)?;
    let account = person.account.and_then(|at| facts.accounts.get(at as usize));
    let matched = account.and_then(|account| matched(person, account));
    Some(PersonEntry {
        source: source.name.to_string(),
        id: person.entry.key.to_string(),
        immutable: person.entry.immutable,
        origin: person.entry.origin.clone(),
        addresses: person.entry.addresses.iter().map(Address::to_string).collect(),
        sought_as: person.sought.iter().map(Address::to_string).collect(),
        disabled: person.entry.disabled,
        user_id: account.map(|account| account.id.to_string()),
        matched_by: account.map(|_| if matched.is_some() { "address" } else { "link" }.to_owned()),
        matched_address: matched.map(Address::to_string),
        why: person.left_out.as_ref().map(|(why, _)| why.as_str().to_owned()),
        detail: person.left_out.as_ref().and_then(|(_, detail)| detail.clone()),
    })
}

/// The address of a person by which the account is theirs.
fn matched<'a>(person: PersonFacts<'a>, account: &Account) -> Option<&'a Address> {
    let email = account.email.as_ref()?;
    let sought = if person.sought.is_empty() { &person.entry.addresses } else { person.sought };
    sought.iter().find(|address| *address == email)
}

fn account_entry(account: &Account) -> AccountEntry {
    AccountEntry {
        user_id: account.id.to_string(),
        email: account.email.as_ref().map(Address::to_string),
        kind: Some(account.kind.to_string()),
        standing: Some(standing(account.standing).to_owned()),
    }
}

/// The word of a standing.
pub(crate) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Inactive => "inactive",
        Standing::Deactivated => "deactivated",
        Standing::Ineligible => "ineligible",
    }
}

fn group_answer(question: &Question<'_>, group: &GroupFacts) -> GroupAnswer {
    let facts = question.facts;
    let mut answer = GroupAnswer {
        group: group.name.to_string(),
        group_id: group.id.as_ref().map(ToString::to_string),
        mode: Some(group.mode.as_str().to_owned()),
        problems: group.problems.clone(),
        ..GroupAnswer::default()
    };
    for feed in &group.feeds {
        self::feed(question, feed, &mut answer);
    }
    let id = question.who.account.as_ref();
    let member = match id {
        Some(id) => Some(facts.account_index(id).is_some_and(|at| group.has(at, id))),
        // Whose account it is, is not clear.
        None => (!is_one_of_theirs_in(question, group)).then_some(false),
    };
    let change = id.and_then(|id| group.change(id));
    answer.member = member;
    answer.granted = Some(!answer.grants.is_empty());
    answer.change = change.map(|change| change_answer(facts, change));
    answer.skips = skips(question, group);
    if let (Some(id), Some(group_id)) = (question.in_log, &group.id) {
        let moves = moves(question.events, group_id, id);
        let last = moves.last();
        answer.last_change = last.and_then(|last| entry(question.events, last, question.holds));
        answer.failed_change = attempt(question.events, group_id, id, last.map(|last| last.at), question.holds);
    }
    answer.verdict = verdict(question, group, &answer, member, change);
    answer
}

/// Whether an account that bears one of the person's addresses is in a group.
fn is_one_of_theirs_in(question: &Question<'_>, group: &GroupFacts) -> bool {
    let facts = question.facts;
    let people = question.who.people.iter().filter_map(|at| person(facts, *at));
    let addresses: Vec<&Address> = people.flat_map(PersonFacts::addresses).collect();
    let theirs = |account: &Account| account.email.as_ref().is_some_and(|email| addresses.contains(&email));
    let mut all = (0..).zip(facts.accounts.iter());
    !addresses.is_empty() && all.any(|(at, account)| group.has(at, &account.id) && theirs(account))
}

fn skips(question: &Question<'_>, group: &GroupFacts) -> Vec<SkipAnswer> {
    let mut names: Vec<String> = Vec::new();
    for person in question.who.people.iter().filter_map(|at| person(question.facts, *at)) {
        names.push(person.entry.origin.to_lowercase());
        names.extend(person.addresses().map(|address| address.as_str().to_lowercase()));
    }
    if let Some(account) = account(question) {
        names.push(account.id.to_string());
        names.extend(account.email.as_ref().map(|email| email.as_str().to_lowercase()));
    }
    let own = group
        .skips
        .iter()
        .filter(|skip| names.contains(&skip.person.to_lowercase()) && skip.detail.as_deref() != Some(AS_LEAD));
    own.map(|skip| SkipAnswer { why: skip.why.as_str().to_owned(), detail: skip.detail.clone() }).collect()
}

fn change_answer(facts: &Facts<'_>, change: &ChangeFacts) -> ChangeAnswer {
    let hold = |id: &String| {
        let hold = facts.holds.get(id);
        HoldAnswer {
            id: id.clone(),
            rule: hold.map(|hold| hold.rule.clone()).unwrap_or_default(),
            text: hold.map(|hold| hold.text.clone()).unwrap_or_default(),
        }
    };
    ChangeAnswer {
        op: change.op.as_str().to_owned(),
        reason: change.reason.as_str().to_owned(),
        holds: change.holds.iter().map(hold).collect(),
        report: change.report,
        result: change.result.clone(),
        error: change.error.clone(),
    }
}

pub(crate) fn mapping_entry(mapping: &MappingFacts) -> MappingEntry {
    MappingEntry {
        source: mapping.source.to_string(),
        group: (!mapping.pattern).then(|| mapping.from.clone()),
        pattern: mapping.pattern.then(|| mapping.from.clone()),
        to: mapping.to.clone(),
    }
}

/// What one mapping says of the person.
fn feed(question: &Question<'_>, feed: &FeedFacts, answer: &mut GroupAnswer) {
    let facts = question.facts;
    let (Some(mapping), Some(source)) =
        (facts.mappings.get(feed.mapping as usize), facts.sources.get(feed.source as usize))
    else {
        return;
    };
    let not = |answer: &mut GroupAnswer, why: &str, text: String| {
        answer.not_granted.push(NotGranted { mapping: mapping_entry(mapping), why: why.to_owned(), text });
    };
    let name = &source.name;
    let group = match &feed.found {
        Found::Group(at) => *at,
        Found::Missing { name: gone, renamed_to, accepted } => {
            let renamed = renamed_to.as_ref().map(|to| format!(" (renamed to {to:?})")).unwrap_or_default();
            let (why, what) = match accepted {
                true => ("accepted_missing", ": a person accepted it as empty"),
                false => ("missing", ": what it granted stays until it is back, or accepted as empty"),
            };
            return not(answer, why, format!("directory group {gone:?} is not in {name}{renamed}{what}"));
        }
        Found::Doubled => {
            let text =
                format!("two directory groups of {name} are named {:?}: the mapping is left alone", mapping.from);
            return not(answer, "doubled", text);
        }
        Found::Nothing => {
            let text = format!("no directory group of {name} fits {:?} for this group", mapping.from);
            return not(answer, "no_match", text);
        }
        Found::Unread => return not(answer, "source_incomplete", unread(source)),
    };
    let Some(directory) = source.groups.get(group as usize) else { return };
    let people: Vec<u32> =
        question.who.people.iter().filter(|(at, _)| *at == feed.source).map(|(_, person)| *person).collect();
    if people.is_empty() {
        let (why, text) = match (&source.unread, source.everyone) {
            (Some(_), _) => ("source_incomplete", unread(source)),
            (None, true) => ("not_in_source", format!("not in source {name}")),
            (None, false) => {
                ("not_in_source", format!("not among the people of source {name} that its mapped groups lead to"))
            }
        };
        return not(answer, why, text);
    }
    for at in people {
        let Some(person) = source.person(at) else { continue };
        let (ways, more) = source.ways(group, at);
        if ways.is_empty() {
            let partial = directory.partial.as_ref().map(|why| format!("; it was read in part: {why}"));
            let members = words::plural(directory.people.len(), "direct member");
            let text = format!(
                "not in directory group {:?} of {name} ({members}), nor in a group nested in it{}",
                directory.name,
                partial.unwrap_or_default()
            );
            not(answer, "not_in_group", text);
        } else if person.entry.disabled {
            let text =
                format!("{name} says not active ({}), so {:?} grants nothing", person.entry.origin, directory.name);
            not(answer, "disabled", text);
        } else {
            answer.more_grants |= more;
            answer.grants.extend(ways.into_iter().map(|way| GrantWay {
                source: name.to_string(),
                person: person.entry.origin.clone(),
                mapping: mapping_entry(mapping),
                path: way.into_iter().map(str::to_owned).collect(),
            }));
        }
    }
}

fn unread(source: &SourceFacts<'_>) -> String {
    let why = source.unread.as_deref().unwrap_or("it was read in part");
    format!("source {} was not read to its end ({why}): nobody can say", source.name)
}
