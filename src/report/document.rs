//! The versioned documents `rosterd.plan/1` and `rosterd.run/1`. Their field names are a contract
//! with scripts: add freely, change nothing.
//!
//! Ids that are not there are `null`, empty lists are `[]`, times are RFC 3339 in UTC to the second.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::word;
use crate::model::desired::Grant;
use crate::model::hold::{Hold, Rule, Scope};
use crate::model::id::Text;
use crate::model::plan::{Change, GroupStanding, GroupSummary, Op, Plan, Reason, Skip, SourceSummary, Why};
use crate::model::policy::Mode;
use crate::model::problem::Problem;
use crate::model::run::{ChangeResult, Outcome, PlanReport, RunReport};

/// The `format` of a plan.
pub const PLAN_FORMAT: &str = "rosterd.plan/1";
/// The `format` of a run.
pub const RUN_FORMAT: &str = "rosterd.run/1";

/// `rosterd.plan/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// [`PLAN_FORMAT`]; within a run's document, [`RUN_FORMAT`].
    pub format: String,
    /// The run that made the plan.
    pub run_id: String,
    /// When.
    pub made_at: String,
    /// Digest of the changes.
    pub digest: String,
    /// Everything that it rests on was read to its end.
    pub complete: bool,
    /// Sources, by name.
    pub sources: Vec<SourceEntry>,
    /// Target groups, by name.
    pub groups: Vec<GroupEntry>,
    /// Changes, sorted; those that wait and those only reported included.
    pub changes: Vec<ChangeEntry>,
    /// Steps deliberately not taken, sorted.
    pub skips: Vec<SkipEntry>,
    /// What waits, or would wait without an approval, by id.
    pub holds: Vec<HoldEntry>,
    /// What was odd and belongs to no source or group.
    pub problems: Vec<String>,
    /// The counts.
    pub summary: Summary,
}

/// `rosterd.run/1`: the plan, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDocument {
    /// The plan. Each of its changes has a result.
    #[serde(flatten)]
    pub plan: PlanDocument,
    /// What became of the run.
    #[serde(with = "word")]
    pub outcome: Outcome,
    /// The exit code of the process.
    pub exit: u8,
    /// When it ended.
    pub finished_at: String,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<String>,
    /// What was done, counted.
    pub results: Results,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// Its name.
    pub name: String,
    /// `csv` or `ldap`.
    pub kind: String,
    /// Read to its end.
    pub complete: bool,
    /// People read.
    pub people: usize,
    /// Directory groups read.
    pub groups: usize,
    /// Direct memberships read.
    pub memberships: usize,
    /// What was odd.
    pub problems: Vec<String>,
    /// People with a mapped grant: what `source_shrink` measures.
    pub granted: usize,
    /// How it was read, in a line.
    pub evidence: String,
}

/// One target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEntry {
    /// The configured name.
    pub name: String,
    /// Hyperproof's id.
    pub id: Option<String>,
    /// Its mode.
    #[serde(with = "word")]
    pub mode: Mode,
    /// Live members.
    pub live: usize,
    /// People whom the directory grants it.
    pub desired: usize,
    /// What was odd.
    pub problems: Vec<String>,
    /// Everything that could grant it was read to its end.
    pub complete: bool,
    /// `ready`, or `unusable`: missing, archived, or not to be told from another.
    #[serde(with = "word")]
    pub standing: GroupStanding,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEntry {
    /// Its kind.
    #[serde(with = "word")]
    pub op: Op,
    /// The configured name of the target group.
    pub group: String,
    /// Hyperproof's id of the group.
    pub group_id: Option<String>,
    /// Hyperproof's id of the account.
    pub user_id: Option<String>,
    /// The account's address.
    pub email: Option<String>,
    /// Why.
    #[serde(with = "word")]
    pub reason: Reason,
    /// The grants behind it.
    pub because: Vec<GrantEntry>,
    /// Live differs from what the last run left.
    pub drift: bool,
    /// Planned, never applied.
    pub report: bool,
    /// Unapproved holds that it waits for.
    pub holds: Vec<String>,
    /// An approval lets it through.
    pub approved: bool,
    /// What became of it; in a run's document alone.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
}

/// Why a person belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEntry {
    /// The source.
    pub source: String,
    /// The directory group that the mapping names.
    pub directory_group: String,
    /// From the mapped group to the one that the person is a direct member of.
    pub path: Vec<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The result.
    pub result: ResultWord,
    /// What went wrong, or why it was not tried.
    pub error: Option<String>,
}

/// [`ChangeResult`] without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultWord {
    /// Made and seen.
    Done,
    /// Somebody else had made it.
    AlreadySo,
    /// Refused, or not confirmed.
    Failed,
    /// The run stopped before it.
    NotTried,
    /// It waits for an approval.
    Held,
    /// Its group is in report mode.
    Report,
}

/// A step deliberately not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkipEntry {
    /// The target group.
    pub group: String,
    /// Whom it concerns.
    pub person: String,
    /// Why.
    #[serde(with = "word")]
    pub why: Why,
    /// More, where `why` does not say all.
    pub detail: Option<String>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEntry {
    /// Its id.
    pub id: String,
    /// The rule.
    #[serde(with = "word")]
    pub rule: Rule,
    /// The one target group that it is about.
    pub group: Option<String>,
    /// The rule's limit; 0 where it has none.
    pub limit: u64,
    /// What was measured against it.
    pub measured: u64,
    /// Somebody let it through.
    pub approved: bool,
    /// `group`, `run`, `source` or `directory_group`.
    pub scope: String,
    /// The source that it is about.
    pub source: Option<String>,
    /// The directory group that is not there.
    pub directory_group: Option<String>,
    /// How many changes it holds.
    pub changes: usize,
    /// One sentence for a person.
    pub text: String,
}

/// The counts of a plan. A change is counted once, under what will become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Groups to create.
    pub create: usize,
    /// Members to add.
    pub add: usize,
    /// Members to remove.
    pub remove: usize,
    /// Leads to set or clear.
    pub lead: usize,
    /// Changes that wait.
    pub held: usize,
    /// Changes of groups in report mode.
    pub report: usize,
    /// Skips.
    pub skipped: usize,
    /// Calls to Hyperproof.
    pub calls: Calls,
}

/// Calls to Hyperproof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calls {
    /// That the read took.
    pub read: u32,
    /// That the changes will take.
    pub write: u32,
}

/// What a run did, counted. A change is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Results {
    /// Groups created.
    pub created: usize,
    /// Members added.
    pub added: usize,
    /// Members removed.
    pub removed: usize,
    /// Leads set or cleared.
    pub lead: usize,
    /// Changes that somebody else had made.
    pub already_so: usize,
    /// Changes that failed.
    pub failed: usize,
    /// Changes that the run did not come to.
    pub not_tried: usize,
}

impl PlanDocument {
    /// The document of a plan.
    pub fn of(report: &PlanReport) -> Self {
        let plan = &report.plan;
        Self {
            format: PLAN_FORMAT.to_owned(),
            run_id: report.run.to_string(),
            made_at: time(report.made_at),
            digest: plan.digest.as_str().to_owned(),
            complete: plan.complete,
            sources: plan.sources.iter().map(SourceEntry::of).collect(),
            groups: plan.groups.iter().map(GroupEntry::of).collect(),
            changes: plan.changes.iter().map(ChangeEntry::of).collect(),
            skips: plan.skips.iter().map(SkipEntry::of).collect(),
            holds: plan.holds.iter().map(HoldEntry::of).collect(),
            problems: problems(&plan.problems),
            summary: Summary::of(plan),
        }
    }

    /// Changes by target group, in the order of the document.
    pub(crate) fn changes_by_group(&self) -> BTreeMap<&str, Vec<&ChangeEntry>> {
        let mut by_group: BTreeMap<&str, Vec<&ChangeEntry>> = BTreeMap::new();
        for change in &self.changes {
            by_group.entry(&change.group).or_default().push(change);
        }
        by_group
    }
}

impl RunDocument {
    /// The document of a run. A change beyond the end of the results was not tried.
    pub fn of(report: &RunReport) -> Self {
        let mut plan = PlanDocument::of(&report.planned);
        plan.format = RUN_FORMAT.to_owned();
        for (at, change) in plan.changes.iter_mut().enumerate() {
            change.made = Some(Made::of(report.results.get(at)));
        }
        Self {
            results: Results::of(&plan.changes),
            plan,
            outcome: report.outcome,
            exit: report.exit,
            finished_at: time(report.finished_at),
            throttled_until: report.throttled_until.map(time),
        }
    }
}

impl SourceEntry {
    fn of(source: &SourceSummary) -> Self {
        Self {
            name: source.name.to_string(),
            kind: source.kind.to_owned(),
            complete: source.complete,
            people: source.people,
            groups: source.groups,
            memberships: source.memberships,
            problems: problems(&source.problems),
            granted: source.granted,
            evidence: source.evidence.clone(),
        }
    }
}

impl GroupEntry {
    fn of(group: &GroupSummary) -> Self {
        Self {
            name: group.name.to_string(),
            id: text(group.id.as_ref()),
            mode: group.mode,
            live: group.live,
            desired: group.desired,
            problems: problems(&group.problems),
            complete: group.complete,
            standing: group.standing,
        }
    }
}

impl ChangeEntry {
    fn of(change: &Change) -> Self {
        Self {
            op: change.key.op,
            group: change.key.group.to_string(),
            group_id: text(change.group_id.as_ref()),
            user_id: text(change.key.account.as_ref()),
            email: change.email.clone(),
            reason: change.reason,
            because: change.because.iter().map(GrantEntry::of).collect(),
            drift: change.drift,
            report: change.report,
            holds: change.holds.iter().map(ToString::to_string).collect(),
            approved: change.approval.is_some(),
            made: None,
        }
    }
}

impl GrantEntry {
    fn of(grant: &Grant) -> Self {
        Self {
            source: grant.source.to_string(),
            directory_group: grant.directory_group.to_string(),
            path: grant.path.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Made {
    fn of(result: Option<&ChangeResult>) -> Self {
        let (result, error) = match result {
            Some(ChangeResult::Done) => (ResultWord::Done, None),
            Some(ChangeResult::AlreadySo) => (ResultWord::AlreadySo, None),
            Some(ChangeResult::Failed(error)) => (ResultWord::Failed, Some(error.clone())),
            Some(ChangeResult::NotTried(error)) => (ResultWord::NotTried, Some(error.clone())),
            Some(ChangeResult::Held) => (ResultWord::Held, None),
            Some(ChangeResult::Report) => (ResultWord::Report, None),
            None => (ResultWord::NotTried, Some("no result".to_owned())),
        };
        Self { result, error }
    }
}

impl SkipEntry {
    fn of(skip: &Skip) -> Self {
        Self { group: skip.group.to_string(), person: skip.person.clone(), why: skip.why, detail: skip.detail.clone() }
    }
}

impl HoldEntry {
    /// The entry of a hold.
    pub fn of(hold: &Hold) -> Self {
        let (scope, source, directory_group) = match &hold.scope {
            Scope::Group(_) => ("group", None, None),
            Scope::Run => ("run", None, None),
            Scope::Source(source) => ("source", Some(source), None),
            Scope::Directory { source, directory_group, group: _ } => {
                ("directory_group", Some(source), Some(directory_group))
            }
        };
        Self {
            id: hold.id.to_string(),
            rule: hold.rule,
            group: text(hold.scope.group()),
            limit: hold.limit,
            measured: hold.measured,
            approved: hold.approval.is_some(),
            scope: scope.to_owned(),
            source: text(source),
            directory_group: directory_group.cloned(),
            changes: hold.changes.len(),
            text: hold.text.clone(),
        }
    }
}

impl Summary {
    fn of(plan: &Plan) -> Self {
        let counts = plan.counts();
        Self {
            create: counts.create,
            add: counts.add,
            remove: counts.remove,
            lead: counts.lead,
            held: counts.held,
            report: counts.report,
            skipped: counts.skipped,
            calls: Calls { read: plan.reads, write: plan.writes },
        }
    }
}

impl Results {
    fn of(changes: &[ChangeEntry]) -> Self {
        let mut results = Self::default();
        for change in changes {
            let Some(made) = &change.made else { continue };
            let count = match (made.result, change.op) {
                (ResultWord::Done, Op::CreateGroup) => &mut results.created,
                (ResultWord::Done, Op::AddMember) => &mut results.added,
                (ResultWord::Done, Op::RemoveMember) => &mut results.removed,
                (ResultWord::Done, Op::SetLead | Op::ClearLead) => &mut results.lead,
                (ResultWord::AlreadySo, _) => &mut results.already_so,
                (ResultWord::Failed, _) => &mut results.failed,
                (ResultWord::NotTried, _) => &mut results.not_tried,
                (ResultWord::Held | ResultWord::Report, _) => continue,
            };
            *count += 1;
        }
        results
    }
}

/// RFC 3339 in UTC, to the second.
pub fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

fn problems(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn text<K>(id: Option<&Text<K>>) -> Option<String> {
    id.map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use crate::report::{plan_json, run_json, samples};

    #[test]
    fn the_plan_document_has_the_promised_fields() {
        insta::assert_snapshot!(plan_json(&samples::small().planned), @r#"
        {
          "format": "rosterd.plan/1",
          "run_id": "0199-run",
          "made_at": "2026-11-22T12:00:00Z",
          "digest": "sha256:a46bb2bce31a02c787e3bb0f47d19f76ae5fb5d93998491547fcbc08a6cffeda",
          "complete": true,
          "sources": [
            {
              "name": "hr",
              "kind": "csv",
              "complete": true,
              "people": 120,
              "groups": 7,
              "memberships": 310,
              "problems": [],
              "granted": 118,
              "evidence": "2 files, 310 rows, oldest 3 h"
            }
          ],
          "groups": [
            {
              "name": "Auditors",
              "id": "g-8",
              "mode": "mirror",
              "live": 4,
              "desired": 4,
              "problems": [],
              "complete": true,
              "standing": "ready"
            }
          ],
          "changes": [
            {
              "op": "add_member",
              "group": "Auditors",
              "group_id": "g-8",
              "user_id": "u-ann",
              "email": "ann@corp.example",
              "reason": "granted",
              "because": [
                {
                  "source": "hr",
                  "directory_group": "audit",
                  "path": [
                    "audit",
                    "audit-emea"
                  ]
                }
              ],
              "drift": false,
              "report": false,
              "holds": [],
              "approved": false
            },
            {
              "op": "remove_member",
              "group": "Auditors",
              "group_id": "g-8",
              "user_id": "u-bob",
              "email": "bob@corp.example",
              "reason": "person_gone",
              "because": [],
              "drift": false,
              "report": false,
              "holds": [
                "h-601fe0de4c7c"
              ],
              "approved": false
            }
          ],
          "skips": [
            {
              "group": "Auditors",
              "person": "cy@corp.example",
              "why": "no_account",
              "detail": null
            }
          ],
          "holds": [
            {
              "id": "h-601fe0de4c7c",
              "rule": "first_run",
              "group": "Auditors",
              "limit": 0,
              "measured": 1,
              "approved": false,
              "scope": "group",
              "source": null,
              "directory_group": null,
              "changes": 1,
              "text": "first full run of this group"
            }
          ],
          "problems": [],
          "summary": {
            "create": 0,
            "add": 1,
            "remove": 0,
            "lead": 0,
            "held": 1,
            "report": 0,
            "skipped": 1,
            "calls": {
              "read": 3,
              "write": 1
            }
          }
        }
        "#);
    }

    #[test]
    fn the_run_document_adds_outcome_and_results() {
        insta::assert_snapshot!(run_json(&samples::small()), @r#"
        {
          "format": "rosterd.run/1",
          "run_id": "0199-run",
          "made_at": "2026-11-22T12:00:00Z",
          "digest": "sha256:a46bb2bce31a02c787e3bb0f47d19f76ae5fb5d93998491547fcbc08a6cffeda",
          "complete": true,
          "sources": [
            {
              "name": "hr",
              "kind": "csv",
              "complete": true,
              "people": 120,
              "groups": 7,
              "memberships": 310,
              "problems": [],
              "granted": 118,
              "evidence": "2 files, 310 rows, oldest 3 h"
            }
          ],
          "groups": [
            {
              "name": "Auditors",
              "id": "g-8",
              "mode": "mirror",
              "live": 4,
              "desired": 4,
              "problems": [],
              "complete": true,
              "standing": "ready"
            }
          ],
          "changes": [
            {
              "op": "add_member",
              "group": "Auditors",
              "group_id": "g-8",
              "user_id": "u-ann",
              "email": "ann@corp.example",
              "reason": "granted",
              "because": [
                {
                  "source": "hr",
                  "directory_group": "audit",
                  "path": [
                    "audit",
                    "audit-emea"
                  ]
                }
              ],
              "drift": false,
              "report": false,
              "holds": [],
              "approved": false,
              "result": "done",
              "error": null
            },
            {
              "op": "remove_member",
              "group": "Auditors",
              "group_id": "g-8",
              "user_id": "u-bob",
              "email": "bob@corp.example",
              "reason": "person_gone",
              "because": [],
              "drift": false,
              "report": false,
              "holds": [
                "h-601fe0de4c7c"
              ],
              "approved": false,
              "result": "held",
              "error": null
            }
          ],
          "skips": [
            {
              "group": "Auditors",
              "person": "cy@corp.example",
              "why": "no_account",
              "detail": null
            }
          ],
          "holds": [
            {
              "id": "h-601fe0de4c7c",
              "rule": "first_run",
              "group": "Auditors",
              "limit": 0,
              "measured": 1,
              "approved": false,
              "scope": "group",
              "source": null,
              "directory_group": null,
              "changes": 1,
              "text": "first full run of this group"
            }
          ],
          "problems": [],
          "summary": {
            "create": 0,
            "add": 1,
            "remove": 0,
            "lead": 0,
            "held": 1,
            "report": 0,
            "skipped": 1,
            "calls": {
              "read": 3,
              "write": 1
            }
          },
          "outcome": "held",
          "exit": 11,
          "finished_at": "2026-11-22T12:00:00Z",
          "throttled_until": null,
          "results": {
            "created": 0,
            "added": 1,
            "removed": 0,
            "lead": 0,
            "already_so": 0,
            "failed": 0,
            "not_tried": 0
          }
        }
        "#);
    }
}
