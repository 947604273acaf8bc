//! What was read, for the log: in figures where a run ends, group by group where somebody is removed.

use jiff::Timestamp;

use super::canonical::Json;
use super::record;
use crate::model::evidence::{FileRead, Ground, ReadEvidence, ServerRead};
use crate::model::facts::MappingFacts;
use crate::model::plan::SourceSummary;

/// A record names so many directory groups, and so many mappings, and counts the others: a target group may be fed by
/// hundreds, and each of its removals has a record.
const NAMED: usize = 20;

/// `read` of a source in `run_finished`; absent where nothing is known.
pub(crate) fn read(source: &SourceSummary) -> Option<Json> {
    let incomplete = source.mapped.iter().filter(|group| !group.completeness.is_complete()).count();
    let groups = Json::object([("mapped", Some(source.mapped.len().into())), ("incomplete", Some(incomplete.into()))]);
    match &source.read {
        ReadEvidence::None => None,
        ReadEvidence::Files(read) => Some(files(read, groups)),
        ReadEvidence::Server(read) => Some(server(read, groups)),
    }
}

fn files(read: &FileRead, groups: Json) -> Json {
    Json::object([
        ("files", Some(read.files.into())),
        ("rows", Some(usize::try_from(read.rows).unwrap_or(usize::MAX).into())),
        ("oldest", read.oldest.map(|at| record::time(at).into())),
        ("groups", Some(groups)),
    ])
}

fn server(read: &ServerRead, groups: Json) -> Json {
    let codes = read.codes.iter().map(|(code, count)| (code.to_string(), Json::from(*count))).collect();
    let people = Json::object([
        ("read", Some(read.people.into())),
        ("with_address", Some(read.with_address.into())),
        ("with_status", read.with_status.map(Json::from)),
    ]);
    let millis = i64::try_from(read.took.as_millis()).unwrap_or(i64::MAX);
    Json::object([
        ("server", Some(read.server.as_str().into())),
        ("identity", Some(read.identity.as_str().into())),
        ("certificate_ends", read.certificate_ends.map(|at: Timestamp| record::time(at).into())),
        ("searches", Some(read.searches.into())),
        ("pages", Some(read.pages.into())),
        ("entries", Some(read.entries.into())),
        ("references", Some(read.references.into())),
        ("ranges", Some(read.ranges.into())),
        ("looks", Some(read.looks.into())),
        ("codes", Some(Json::Object(codes))),
        ("people", Some(people)),
        ("groups", Some(groups)),
        ("millis", Some(millis.into())),
    ])
}

/// `evidence` of a removal; absent where there is none.
pub(crate) fn grounds(grounds: &[Ground]) -> Option<Json> {
    let more = grounds.len().saturating_sub(NAMED);
    let named = grounds.iter().take(NAMED).map(ground).collect();
    (!grounds.is_empty()).then(|| {
        Json::object([
            ("groups", Some(Json::List(named))),
            ("more", (more > 0).then(|| more.into())),
            ("complete", Some(grounds.iter().all(|ground| ground.complete).into())),
        ])
    })
}

/// `mappings` of a removal, by the keys of the configuration; absent where there are none.
pub(crate) fn mappings(mappings: &[MappingFacts]) -> Option<Json> {
    let named = mappings.iter().take(NAMED).map(mapping).collect();
    (!mappings.is_empty()).then_some(Json::List(named))
}

/// `mappings_more`: how many are not named; absent where all are.
pub(crate) fn mappings_more(mappings: &[MappingFacts]) -> Option<Json> {
    mappings.len().checked_sub(NAMED).filter(|more| *more > 0).map(Json::from)
}

fn mapping(mapping: &MappingFacts) -> Json {
    Json::object([
        ("source", Some(mapping.source.as_str().into())),
        (if mapping.pattern { "match" } else { "group" }, Some(mapping.from.as_str().into())),
        ("to", Some(mapping.to.as_str().into())),
    ])
}

fn ground(ground: &Ground) -> Json {
    Json::object([
        ("source", Some(ground.source.as_str().into())),
        ("directory_group", Some(ground.directory_group.as_str().into())),
        ("id", ground.id.as_ref().map(|id| id.as_str().into())),
        ("missing", ground.missing.then_some(Json::Bool(true))),
        ("complete", Some(ground.complete.into())),
        ("members", Some(ground.members.into())),
        ("ranges", Some(ground.ranges.into())),
        ("nested", Some(ground.nested.into())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed_by(name: &str) -> Ground {
        Ground {
            source: "hr".into(),
            directory_group: name.to_owned(),
            id: None,
            missing: false,
            complete: true,
            members: 3,
            ranges: 0,
            nested: 0,
        }
    }

    #[test]
    fn a_record_names_twenty_groups_and_counts_the_others() {
        let many: Vec<Ground> = (0..500).map(|number| fed_by(&format!("g{number:03}"))).collect();
        let text = grounds(&many).expect("there are some").canonical();
        assert!(text.contains("\"g019\"") && !text.contains("\"g020\""), "{text}");
        assert!(text.contains("\"more\":480"), "{text}");
        assert_eq!(grounds(&[]), None);
    }

    #[test]
    fn a_record_names_twenty_mappings_and_counts_the_others() {
        let by_name = |number: usize| MappingFacts {
            source: "hr".into(),
            from: format!("g{number:03}"),
            pattern: false,
            to: "Staff".to_owned(),
        };
        let many: Vec<MappingFacts> = (0..21).map(by_name).collect();
        let text = mappings(&many).expect("there are some").canonical();
        assert!(text.contains("\"g019\"") && !text.contains("\"g020\""), "{text}");
        assert_eq!(mappings_more(&many), Some(Json::from(1_usize)));
        assert_eq!((mappings_more(&many[..20]), mappings(&[])), (None, None));
        let pattern = MappingFacts { pattern: true, from: "^g".to_owned(), ..by_name(0) };
        let text = mappings(&[pattern]).expect("there is one").canonical();
        assert_eq!(text, r#"[{"match":"^g","source":"hr","to":"Staff"}]"#);
    }

    #[test]
    fn a_group_that_was_given_up_says_so() {
        let gone = Ground { missing: true, members: 0, id: Some("id-1".into()), ..fed_by("legal") };
        assert_eq!(
            grounds(&[gone]).expect("there is one").canonical(),
            r#"{"complete":true,"groups":[{"complete":true,"directory_group":"legal","id":"id-1","members":0,"missing":true,"nested":0,"ranges":0,"source":"hr"}]}"#
        );
    }
}
