//! Floor 2, pure: what an account's `type` and `status` let us do with it.

use crate::model::live::Standing;

const DEACTIVATED: &str = "deactivated";

/// Judges an account. `eligible` holds the account types that may be added and removed. A missing
/// status is an active one (the vendor's list sample has none); a missing type is an unknown one.
pub(super) fn standing(kind: Option<&str>, status: Option<&str>, eligible: &[String]) -> Standing {
    let Some(kind) = kind else {
        return Standing::Ineligible;
    };
    let is_eligible = |kind: &str| eligible.iter().any(|one| one.eq_ignore_ascii_case(kind));
    if let Some(rest) = deactivated(kind) {
        // deactivatedUser was an activeUser; deactivatedServiceAccount was a serviceAccount.
        return if is_eligible(kind) || is_eligible(rest) || is_eligible(&format!("active{rest}")) {
            Standing::Deactivated
        } else {
            Standing::Ineligible
        };
    }
    match status {
        _ if !is_eligible(kind) => Standing::Ineligible,
        None => Standing::Active,
        Some(status) if status.eq_ignore_ascii_case("active") => Standing::Active,
        Some(_) => Standing::Inactive,
    }
}

fn deactivated(kind: &str) -> Option<&str> {
    let (prefix, rest) = kind.split_at_checked(DEACTIVATED.len())?;
    (prefix.eq_ignore_ascii_case(DEACTIVATED) && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_statuses_are_judged() {
        use Standing::{Active, Deactivated, Inactive, Ineligible};
        let users = ["activeUser".to_owned()];
        let services = ["activeUser".to_owned(), "serviceAccount".to_owned()];
        type Case<'a> = (&'a [String], Option<&'a str>, Option<&'a str>, Standing);
        let cases: [Case<'_>; 17] = [
            (&users, Some("activeUser"), Some("active"), Active),
            (&users, Some("ACTIVEUSER"), Some("Active"), Active),
            (&users, Some("activeUser"), None, Active),
            (&users, Some("activeUser"), Some("pending"), Inactive),
            (&users, Some("activeUser"), Some("archived"), Inactive),
            (&users, Some("activeUser"), Some("deleted"), Inactive),
            (&users, Some("activeUser"), Some("canceled"), Inactive),
            (&users, Some("activeUser"), Some("something new"), Inactive),
            (&users, Some("deactivatedUser"), Some("archived"), Deactivated),
            (&users, Some("deactivatedUser"), None, Deactivated),
            (&users, Some("contact"), Some("active"), Ineligible),
            (&users, Some("serviceAccount"), Some("active"), Ineligible),
            (&users, Some("deactivatedServiceAccount"), None, Ineligible),
            (&services, Some("serviceAccount"), None, Active),
            (&services, Some("deactivatedServiceAccount"), None, Deactivated),
            (&services, Some("deactivatedSyncServiceAccount"), None, Ineligible),
            (&users, None, Some("active"), Ineligible),
        ];
        for (eligible, kind, status, expected) in cases {
            assert_eq!(standing(kind, status, eligible), expected, "{kind:?} {status:?}");
        }
        assert_eq!(standing(Some("deactivated"), None, &users), Ineligible);
        assert_eq!(standing(Some("d\u{e9}activatedUse"), None, &users), Ineligible);
    }
}
