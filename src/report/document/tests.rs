//! The promised fields, in full.

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
          "addressed": 117,
          "evidence": "2 files, 310 rows",
          "read": {
            "files": 2,
            "rows": 310,
            "oldest": "2026-11-22T09:00:00Z"
          },
          "directory_groups": [
            {
              "name": "audit",
              "id": null,
              "complete": true,
              "members": 4,
              "nested": 1,
              "ranges": 0,
              "problems": []
            }
          ]
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
          "addressed": 117,
          "evidence": "2 files, 310 rows",
          "read": {
            "files": 2,
            "rows": 310,
            "oldest": "2026-11-22T09:00:00Z"
          },
          "directory_groups": [
            {
              "name": "audit",
              "id": null,
              "complete": true,
              "members": 4,
              "nested": 1,
              "ranges": 0,
              "problems": []
            }
          ]
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
