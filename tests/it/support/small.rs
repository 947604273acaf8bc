//! Small worlds for the pure core: a test starts from one in which live equals desired, changes one
//! thing, and looks at the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rosterd::model::address::Address;
use rosterd::model::directory::{Completeness, DirectoryGroup, Person, ReadFacts, SourceKind, SourceSnapshot};
use rosterd::model::hold::{Approval, Hold, HoldId, Rule};
use rosterd::model::id::{AccountId, GroupId, GroupName};
use rosterd::model::live::{Absence, Account, LiveGroup, LiveState, MemberIdKind, Standing, told_apart};
use rosterd::model::memory::Memory;
use rosterd::model::plan::{Change, Op, Plan, Skip};
use rosterd::model::policy::{
    FirstRemovals, GroupPolicy, Guard, Identity, Lead, Limit, Mapping, Mode, Policy, Selector,
};
use rosterd::reconcile::{Decision, Inputs, decide};

/// Everything that a decision rests on, easy to change.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) sources: Vec<Source>,
    pub(crate) live: Live,
    pub(crate) memory: Memory,
    pub(crate) now: Timestamp,
    pub(crate) only: Option<BTreeSet<GroupName>>,
}

/// Hyperproof by ids instead of indices; [`Live::state`] is it as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) own: AccountId,
    /// Sorted by id.
    pub(crate) accounts: Vec<Account>,
    /// Sorted by id.
    pub(crate) groups: Vec<Team>,
    pub(crate) absent: BTreeMap<GroupId, Absence>,
}

/// A group in Hyperproof.
#[derive(Debug, Clone)]
pub(crate) struct Team {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    pub(crate) lead: Option<AccountId>,
    /// Sorted.
    pub(crate) members: Vec<AccountId>,
}

/// A source by names instead of indices; [`Source::snapshot`] sorts it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) kind: SourceKind,
    pub(crate) complete: bool,
    pub(crate) people: Vec<Human>,
    pub(crate) groups: Vec<DirGroup>,
}

/// Somebody in a source.
#[derive(Debug, Clone)]
pub(crate) struct Human {
    pub(crate) key: String,
    pub(crate) immutable: bool,
    pub(crate) addresses: Vec<String>,
    pub(crate) disabled: bool,
}

/// A directory group; people and groups by key, those that the source does not have are dangling.
#[derive(Debug, Clone)]
pub(crate) struct DirGroup {
    pub(crate) key: String,
    pub(crate) immutable: bool,
    pub(crate) names: Vec<String>,
    pub(crate) full_names: Vec<String>,
    pub(crate) people: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) complete: bool,
}

/// `ann` → `ann@corp.example`; a whole address stays.
pub(crate) fn mail(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@corp.example") }
}

pub(crate) fn address(name: &str) -> Address {
    Address::parse(&mail(name)).expect("tests use addresses")
}

pub(crate) fn id(name: &str) -> AccountId {
    AccountId::new(format!("u-{name}"))
}

pub(crate) fn limit(percent: u32, floor: u32) -> Limit {
    Limit { percent, floor }
}

fn completeness(complete: bool) -> Completeness {
    if complete { Completeness::Complete } else { Completeness::Incomplete { why: "cut off".to_owned() } }
}

impl Source {
    /// The person with this key; a new one has an immutable id and one address made of the key.
    pub(crate) fn person(&mut self, key: &str) -> &mut Human {
        let at = self.people.iter().position(|person| person.key == key).unwrap_or_else(|| {
            self.people.push(Human {
                key: key.to_owned(),
                immutable: true,
                addresses: vec![mail(key)],
                disabled: false,
            });
            self.people.len() - 1
        });
        &mut self.people[at]
    }

    /// Takes somebody out of the directory.
    pub(crate) fn without(&mut self, key: &str) {
        self.people.retain(|person| person.key != key);
    }

    /// The directory group with this key, which is also the name of a new one.
    pub(crate) fn group(&mut self, key: &str) -> &mut DirGroup {
        let at = self.groups.iter().position(|group| group.key == key).unwrap_or_else(|| {
            self.groups.push(DirGroup {
                key: key.to_owned(),
                immutable: false,
                names: vec![key.to_owned()],
                full_names: Vec::new(),
                people: BTreeSet::new(),
                groups: BTreeSet::new(),
                complete: true,
            });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    /// A directory group with an immutable id, as LDAP has them.
    pub(crate) fn ldap_group(&mut self, key: &str, name: &str) -> &mut DirGroup {
        self.kind = SourceKind::Ldap;
        let group = self.group(key);
        group.immutable = true;
        group.names = vec![name.to_owned()];
        group
    }

    /// Puts people (separated by blanks) into a directory group; those whom the source lacks come
    /// into being.
    pub(crate) fn join(&mut self, group: &str, people: &str) -> &mut DirGroup {
        for key in people.split_whitespace() {
            self.person(key);
        }
        let group = self.group(group);
        group.people.extend(people.split_whitespace().map(str::to_owned));
        group
    }

    /// Takes people out of a directory group; they stay in the directory.
    pub(crate) fn leave(&mut self, group: &str, people: &str) {
        let leavers: BTreeSet<&str> = people.split_whitespace().collect();
        self.group(group).people.retain(|key| !leavers.contains(key.as_str()));
    }

    pub(crate) fn drop_group(&mut self, key: &str) {
        self.groups.retain(|group| group.key != key);
    }

    /// The source as a reader hands it over.
    pub(crate) fn snapshot(&self) -> SourceSnapshot {
        let mut humans = self.people.clone();
        humans.sort_by(|a, b| a.key.cmp(&b.key));
        let mut groups = self.groups.clone();
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        let at = |found: Result<usize, usize>| found.ok().and_then(|at| u32::try_from(at).ok());
        let person_at = |key: &String| at(humans.binary_search_by(|person| person.key.cmp(key)));
        let group_at = |key: &String| at(groups.binary_search_by(|group| group.key.cmp(key)));
        SourceSnapshot {
            name: self.name.as_str().into(),
            kind: self.kind,
            completeness: completeness(self.complete),
            everyone: true,
            people: humans.iter().map(|human| human.person(&self.name)).collect(),
            groups: groups
                .iter()
                .map(|group| DirectoryGroup {
                    key: group.key.as_str().into(),
                    immutable: group.immutable,
                    names: group.names.clone(),
                    full_names: group.full_names.clone(),
                    people: group.people.iter().filter_map(person_at).collect(),
                    groups: group.groups.iter().filter_map(group_at).collect(),
                    completeness: completeness(group.complete),
                    member_name: Some(group.key.clone()),
                    dangling: group.groups.iter().filter(|key| group_at(key).is_none()).cloned().collect(),
                    read: Default::default(),
                })
                .collect(),
            problems: Vec::new(),
            evidence: String::new(),
            read: Default::default(),
            watermark: None,
            files: std::collections::BTreeSet::new(),
            columns: std::collections::BTreeSet::new(),
            facts: ReadFacts::default(),
        }
    }
}

impl Human {
    fn person(&self, source: &str) -> Person {
        Person {
            key: self.key.as_str().into(),
            immutable: self.immutable,
            addresses: self.addresses.iter().filter_map(|text| Address::parse(text).ok()).collect(),
            disabled: self.disabled,
            origin: format!("{source}:{}", self.key).into(),
        }
    }
}

impl Live {
    /// As the target hands it over.
    pub(crate) fn state(&self) -> LiveState {
        let group = |team: &Team| {
            let (members, strangers) = told_apart(&self.accounts, team.members.iter().cloned());
            LiveGroup { id: team.id.clone(), name: team.name.clone(), lead: team.lead.clone(), members, strangers }
        };
        LiveState {
            organisation: None,
            member_id: MemberIdKind::UserId,
            member_id_proven: true,
            own: self.own.clone(),
            own_id: "own".to_owned(),
            accounts: self.accounts.clone(),
            groups: self.groups.iter().map(group).collect(),
            absent: self.absent.clone(),
            problems: Vec::new(),
            reads: 3,
        }
    }

    pub(crate) fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == *id)
    }

    pub(crate) fn group(&self, id: &GroupId) -> Option<&Team> {
        self.groups.iter().find(|group| group.id == *id)
    }
}

impl World {
    /// Nothing but the tool's own account; the guard as the product's defaults have it.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            policy: policy(),
            sources: Vec::new(),
            live: Live { own: id("own"), accounts: Vec::new(), groups: Vec::new(), absent: BTreeMap::new() },
            memory: Memory::default(),
            now: "2026-11-22T05:00:00Z".parse().expect("a timestamp"),
            only: None,
        };
        world.account("own");
        world
    }

    /// A world in step: source `hr` has a directory group (the name in lower case) for each target
    /// group, everyone has an account, and a full run has seen it all.
    pub(crate) fn equal(groups: &[(&str, &str)]) -> Self {
        let mut world = Self::new();
        for (name, members) in groups {
            let from = name.to_lowercase();
            world.source("hr").join(&from, members);
            world.map("hr", &from, name);
            world.members(name, members);
        }
        world.settled()
    }

    /// The world after a full run that finds nothing to do.
    pub(crate) fn settled(mut self) -> Self {
        let decision = self.apply();
        let plan = decision.cleared.plan();
        assert!(plan.changes.is_empty() && plan.holds.is_empty(), "not in step: {:?}", said(plan));
        self
    }

    pub(crate) fn source(&mut self, name: &str) -> &mut Source {
        let at = self.sources.iter().position(|source| source.name == name).unwrap_or_else(|| {
            self.sources.push(Source {
                name: name.to_owned(),
                kind: SourceKind::Csv,
                complete: true,
                people: Vec::new(),
                groups: Vec::new(),
            });
            self.sources.len() - 1
        });
        &mut self.sources[at]
    }

    pub(crate) fn hr(&mut self) -> &mut Source {
        self.source("hr")
    }

    pub(crate) fn map(&mut self, source: &str, from: &str, to: &str) {
        self.policy.mappings.push(Mapping {
            source: source.into(),
            from: Selector::Name(from.to_owned()),
            to: to.to_owned(),
        });
    }

    pub(crate) fn map_pattern(&mut self, source: &str, from: &str, to: &str) {
        self.policy.mappings.push(Mapping {
            source: source.into(),
            from: Selector::Pattern(regex::Regex::new(from).expect("tests use patterns")),
            to: to.to_owned(),
        });
    }

    /// The account `u-NAME`; a new one is active and bears `NAME@corp.example`.
    pub(crate) fn account(&mut self, name: &str) -> &mut Account {
        let id = id(name);
        let at = self.live.accounts.binary_search_by(|account| account.id.cmp(&id)).unwrap_or_else(|at| {
            self.live.accounts.insert(
                at,
                Account { id, email: Some(address(name)), kind: "activeUser".into(), standing: Standing::Active },
            );
            at
        });
        &mut self.live.accounts[at]
    }

    pub(crate) fn without_account(&mut self, name: &str) {
        let id = id(name);
        self.live.accounts.retain(|account| account.id != id);
    }

    /// The live group `g-NAME`.
    pub(crate) fn live_group(&mut self, name: &str) -> &mut Team {
        let id = format!("g-{name}").as_str().into();
        let at = self.live.groups.binary_search_by(|group| group.id.cmp(&id)).unwrap_or_else(|at| {
            self.live.groups.insert(at, Team { id, name: name.to_owned(), lead: None, members: Vec::new() });
            at
        });
        &mut self.live.groups[at]
    }

    /// Puts accounts (separated by blanks) into a live group; those that are not there come into being.
    pub(crate) fn members(&mut self, group: &str, names: &str) {
        for name in names.split_whitespace() {
            self.account(name);
            let members = &mut self.live_group(group).members;
            members.push(id(name));
            members.sort();
            members.dedup();
        }
        self.live_group(group);
    }

    pub(crate) fn without_members(&mut self, group: &str, names: &str) {
        let gone: Vec<AccountId> = names.split_whitespace().map(id).collect();
        self.live_group(group).members.retain(|member| !gone.contains(member));
    }

    /// The rules of one target group.
    pub(crate) fn rules(&mut self, group: &str) -> &mut GroupPolicy {
        let defaults = self.policy.group_defaults.clone();
        self.policy.groups.entry(group.into()).or_insert(defaults)
    }

    pub(crate) fn decide(&self) -> Decision {
        let sources: Vec<SourceSnapshot> = self.sources.iter().map(Source::snapshot).collect();
        decide(Inputs {
            policy: &self.policy,
            sources: &sources,
            live: &self.live.state(),
            memory: &self.memory,
            now: self.now,
            only: self.only.as_ref(),
        })
    }

    pub(crate) fn plan(&self) -> Plan {
        self.decide().cleared.into_plan()
    }

    /// Changes as lines (see [`change`]).
    pub(crate) fn changes(&self) -> Vec<String> {
        let plan = self.plan();
        plan.changes.iter().map(|one| change(&plan, one)).collect()
    }

    /// Skips as lines: group, person, why.
    pub(crate) fn skips(&self) -> Vec<String> {
        let line = |skip: &Skip| format!("{} {} {}", skip.group, skip.person, skip.why.as_str());
        self.plan().skips.iter().map(line).collect()
    }

    /// Holds as lines: rule, measured, limit, number of changes, whether approved; sorted.
    pub(crate) fn holds(&self) -> Vec<String> {
        let line = |hold: &Hold| {
            let approved = if hold.approval.is_some() { " approved" } else { "" };
            let (rule, measured, limit) = (hold.rule.as_str(), hold.measured, hold.limit);
            format!("{rule} {measured}/{limit} on {}{approved}", hold.changes.len())
        };
        let mut lines: Vec<String> = self.plan().holds.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// Insists on a plan without changes and without holds.
    #[track_caller]
    pub(crate) fn nothing_to_do(&self) {
        let plan = self.plan();
        assert!(plan.changes.is_empty() && !plan.is_held(), "planned again: {:?}", said(&plan));
    }

    /// Approves every hold of a rule.
    pub(crate) fn approve(&mut self, rule: Rule) {
        let holds = self.plan().holds;
        let before = self.memory.approvals.len();
        for hold in holds.iter().filter(|hold| hold.rule == rule && hold.approval.is_none()) {
            self.memory.approvals.push(self.approval(hold));
        }
        assert!(self.memory.approvals.len() > before, "nothing to approve under {}", rule.as_str());
    }

    /// Approves everything that is held.
    pub(crate) fn approve_all(&mut self) {
        for hold in self.plan().holds.iter().filter(|hold| hold.approval.is_none()) {
            self.memory.approvals.push(self.approval(hold));
        }
    }

    pub(crate) fn approval(&self, hold: &Hold) -> Approval {
        Approval {
            number: i64::try_from(self.memory.approvals.len()).unwrap_or(i64::MAX) + 1,
            hold: hold.id.clone(),
            rule: hold.rule,
            scope: hold.scope.to_string(),
            changes: hold.changes.clone(),
            by: "Head of GRC".to_owned(),
            login: "root".to_owned(),
            reason: "checked".to_owned(),
            ticket: None,
            at: self.now,
            expires: self.now + Duration::from_hours(24),
            undoes: None,
        }
    }
}

/// A change as a line: what happens to whom, why a removal, and which rules hold it.
pub(crate) fn change(plan: &Plan, change: &Change) -> String {
    let account = change.key.account.as_ref().map_or("", |id| id.as_str().trim_start_matches("u-"));
    let what = match change.key.op {
        Op::CreateGroup => "create",
        Op::AddMember => "add",
        Op::RemoveMember => "remove",
        Op::SetLead => "lead",
        Op::ClearLead => "no lead",
    };
    let mut line = format!("{what} {} {account}", change.key.group).trim_end().to_owned();
    if change.key.op == Op::RemoveMember || change.drift {
        line = format!("{line}: {}", change.reason.as_str());
    }
    let rule = |id: &HoldId| plan.holds.iter().find(|hold| hold.id == *id).map_or("?", |hold| hold.rule.as_str());
    let mut rules: Vec<&str> = change.holds.iter().map(rule).collect();
    rules.sort_unstable();
    if !rules.is_empty() {
        line = format!("{line} [{}]", rules.join(" "));
    }
    if change.report { format!("{line} (report)") } else { line }
}

fn said(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().map(|one| change(plan, one));
    changes.chain(plan.holds.iter().map(|hold| hold.text.clone())).collect()
}

fn policy() -> Policy {
    Policy {
        mappings: Vec::new(),
        groups: std::collections::BTreeMap::new(),
        group_defaults: GroupPolicy {
            id: None,
            mode: Mode::Mirror,
            keep: Vec::new(),
            expect: Vec::new(),
            min_members: 0,
            lead: Lead::Untouched,
            create: false,
            allow_empty: false,
            group_removals: None,
            group_adds: None,
        },
        identity: Identity::default(),
        guard: Guard {
            group_removals: limit(20, 3),
            group_adds: limit(100, 20),
            run_removals: limit(10, 20),
            run_adds: limit(25, 100),
            day_removals: limit(20, 40),
            source_shrink: limit(10, 10),
            first_removals: FirstRemovals::Hold,
            removal_grace: Duration::ZERO,
        },
        max_users_per_call: 200,
    }
}
