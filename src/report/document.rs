//! The versioned documents `rosterd.plan/1` and `rosterd.run/1`. Their field names are a contract
//! with scripts: add freely, change nothing.
//!
//! Ids that are not there are `null`, empty lists are `[]`, times are RFC 3339 in UTC to the second.

use serde::{Deserialize, Serialize};

use super::word;
use crate::model::hold::Rule;
use crate::model::plan::{GroupStanding, Op, Reason, Why};
use crate::model::policy::Mode;
use crate::model::run::Outcome;

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
    /// It was not read in this run, as nothing changed in it since its read of then: what is told of it
    /// is of that. Left out where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged_since: Option<String>,
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

/// [`crate::model::run::ChangeResult`] without its text.
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
              "evidence": "2 files, 310 rows, the oldest 3 h old"
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
              "evidence": "2 files, 310 rows, the oldest 3 h old"
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
