//! From people to accounts: addresses, links, and what is ambiguous.

use rosterd::model::directory::SourceKind;
use rosterd::model::live::Standing;
use rosterd::model::policy::{Mode, Rewrite};

use super::support::small::{World, address, mail};

/// Incident 24: removed and added again every hour, over one capital letter.
#[test]
fn addresses_match_without_case_and_in_any_form() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.account("ann").email = Some(address("Ann@CORP.example"));
    world.nothing_to_do();
    world.hr().person("ann").addresses = vec!["e\u{301}lan@b\u{fc}cher.example".into()];
    world.account("ann").email = Some(address("\u{c9}LAN@xn--bcher-kva.example"));
    world.nothing_to_do();
}

#[test]
fn all_addresses_are_tried_the_primary_one_first() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk", "bob");
    world.hr().person("bob").addresses = vec![mail("robert"), mail("bob")];
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk bob"]);
    world.account("robert");
    assert_eq!(world.changes(), ["add Risk robert"]);
}

/// Two accounts for one person: which of them the person works with is not known, so that neither is touched.
#[test]
fn another_account_of_somebody_who_is_granted_the_group_is_not_removed() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().person("bob").addresses = vec![mail("robert"), mail("bob")];
    world.account("robert");
    let told = |world: &World| {
        world.nothing_to_do();
        let skips = world.plan().skips;
        for skip in &skips {
            let detail = skip.detail.clone().unwrap();
            assert!(
                detail.starts_with("2 accounts of one person: bob@corp.example, robert@corp.example ("),
                "{detail}"
            );
        }
        world.skips()
    };
    let both = ["Risk bob@corp.example ambiguous", "Risk robert@corp.example ambiguous"];
    assert_eq!(told(&world), both);
    world.apply();
    assert_eq!(told(&world), both);
    // Both are members.
    let mut twice = world.clone();
    twice.members("Risk", "robert");
    assert_eq!(told(&twice), both[..1]);
    for mode in [Mode::Owned, Mode::Report] {
        world.policy.group_defaults.mode = mode;
        assert_eq!(told(&world), both);
    }
    world.policy.group_defaults.mode = Mode::AddOnly;
    assert_eq!(told(&world), both[1..], "where nobody is removed, only what is not added is told");
}

#[test]
fn an_account_that_cannot_be_used_makes_nobody_ambiguous() {
    for standing in [Standing::Inactive, Standing::Deactivated, Standing::Ineligible] {
        let mut world = World::equal(&[("Risk", "ann bob")]);
        world.hr().person("bob").addresses = vec![mail("robert"), mail("bob")];
        world.account("robert");
        world.account("bob").standing = standing;
        assert!(world.changes().contains(&"add Risk robert".to_owned()), "{:?}", world.changes());
        world.apply();
        world.nothing_to_do();
    }
}

/// Where something else says what becomes of the other account, the primary address decides.
#[test]
fn another_account_of_which_more_is_known_makes_nobody_ambiguous() {
    let two = || {
        let mut world = World::equal(&[("Risk", "ann bob")]);
        world.hr().person("bob").addresses = vec![mail("robert"), mail("bob")];
        world.account("robert");
        world
    };
    // It is another's who is granted the group, too.
    let mut world = two();
    world.source("ad").join("risk-ad", "7f3a");
    world.source("ad").person("7f3a").addresses = vec![mail("bob")];
    world.map("ad", "risk-ad", "Risk");
    assert_eq!(world.changes(), ["add Risk robert"]);
    assert_eq!(world.skips(), [""; 0]);
    // It is kept.
    let mut world = two();
    world.policy.group_defaults.keep = vec![address("bob")];
    assert_eq!(world.changes(), ["add Risk robert"]);
    // It is not in this group.
    let mut world = two();
    world.without_members("Risk", "bob");
    assert_eq!(world.changes(), ["add Risk robert"]);
}

#[test]
fn nobody_keeps_a_second_account_who_is_not_granted_the_group() {
    let two = || {
        let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann bob")]);
        world.hr().person("bob").addresses = vec![mail("robert"), mail("bob")];
        world.account("robert");
        world.members("Risk", "robert");
        world
    };
    let mut world = two();
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes().len(), 2, "{:?}", world.changes());
    assert!(world.changes().iter().all(|change| change.starts_with("remove Risk ")), "{:?}", world.changes());
    let mut world = two();
    world.hr().person("bob").disabled = true;
    let gone = [
        "remove Audit bob: person_disabled",
        "remove Risk bob: person_disabled",
        "remove Risk robert: person_disabled",
    ];
    assert_eq!(world.changes(), gone);
}

#[test]
fn nobody_without_address_or_account_is_added() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk", "bob cas");
    world.hr().person("cas").addresses.clear();
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk bob@corp.example no_account", "Risk hr:cas no_email"]);
}

#[test]
fn accounts_without_an_address_are_nobody_s() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.account("mute").email = None;
    world.hr().join("risk", "cas");
    world.hr().person("cas").addresses.clear();
    world.nothing_to_do();
}

#[test]
fn aliases_and_rewrites_lead_to_the_account() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.policy.identity.rewrite = vec![Rewrite { from: "@corp.local".into(), to: "@corp.example".into() }];
    world.policy.identity.aliases = [(address("bob@corp.local"), address("robert"))].into();
    world.hr().join("risk", "bob@corp.local cas@corp.local");
    world.account("cas");
    world.account("robert");
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk cas", "add Risk robert"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn two_accounts_on_one_address_are_ambiguous_and_untouched() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.account("bob2").email = Some(address("bob"));
    world.nothing_to_do();
    // Not granted any more, and still nobody knows which account is meant.
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk bob@corp.example ambiguous"]);
}

/// The account that the person really uses may be the one behind the second address.
#[test]
fn an_ambiguous_person_keeps_every_account_that_may_be_theirs() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().person("bob").addresses = vec![mail("robert"), mail("bob")];
    world.hr().person("bob").immutable = false;
    world.account("robert1").email = Some(address("robert"));
    world.account("robert2").email = Some(address("robert"));
    world.nothing_to_do();
}

#[test]
fn a_deactivated_twin_does_not_make_an_address_ambiguous() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk", "bob");
    world.account("bob");
    world.account("bob-old").email = Some(address("bob"));
    world.account("bob-old").standing = Standing::Deactivated;
    assert_eq!(world.changes(), ["add Risk bob"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn two_granted_people_for_one_account_are_ambiguous_on_both_sides() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().join("risk", "bert");
    world.hr().person("bert").addresses = vec![mail("bob")];
    world.nothing_to_do();
    assert_eq!(world.skips().len(), 1, "{:?}", world.skips());
    // Nor is the account added where it is not a member yet.
    world.without_members("Risk", "bob");
    world.nothing_to_do();
}

#[test]
fn one_human_in_two_sources_is_one_person() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk", "bob");
    world.source("ad").join("risk-ad", "7f3a");
    world.source("ad").person("7f3a").addresses = vec![mail("bob")];
    world.map("ad", "risk-ad", "Risk");
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk bob"]);
    assert_eq!(world.plan().changes[0].because.len(), 2);
    world.apply();
    world.nothing_to_do();
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
}

#[test]
fn whom_one_source_disables_no_other_adds() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().person("bob").disabled = true;
    world.source("ad").join("risk-ad", "7f3a");
    world.source("ad").person("7f3a").addresses = vec![mail("bob")];
    world.map("ad", "risk-ad", "Risk");
    world.account("bob");
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk bob@corp.example disabled"]);
}

/// Incident 24: a rename became removal and addition.
#[test]
fn a_changed_address_keeps_the_linked_account() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().person("bob").addresses = vec![mail("robert")];
    world.nothing_to_do();
    world.apply();
    world.nothing_to_do();
}

/// A link is not forgotten while a removal waits, or while nothing is granted.
#[test]
fn a_link_lasts_as_long_as_the_person_is_in_the_directory() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().person("bob").addresses = vec![mail("robert")];
    world.hr().person("bob").disabled = true;
    world.policy.guard.group_removals = super::support::small::limit(0, 0);
    world.policy.guard.removal_grace = std::time::Duration::from_hours(2);
    for _ in 0..2 {
        assert_eq!(world.changes(), ["remove Risk bob: person_disabled [group_removals]"]);
        world.apply();
    }
    world.approve_all();
    world.apply();
    world.nothing_to_do();
    world.hr().person("bob").disabled = false;
    assert_eq!(world.changes(), ["add Risk bob"]);
    world.hr().without("bob");
    assert!(world.apply().learned.person_links.of(&"hr".into()).all(|(key, _)| key != "bob"));
}

#[test]
fn without_an_immutable_id_a_changed_address_is_another_person() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk", "bob").people.insert("x".into());
    world.hr().person("bob").immutable = false;
    world.members("Risk", "bob");
    let mut world = world.settled();
    world.hr().person("bob").addresses = vec![mail("robert")];
    assert_eq!(world.changes(), ["remove Risk bob: person_gone"]);
}

#[test]
fn a_person_moves_to_the_account_that_bears_the_new_address() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().person("bob").addresses = vec![mail("robert")];
    world.account("robert");
    assert_eq!(world.changes(), ["add Risk robert", "remove Risk bob: grant_ended"]);
    world.apply();
    world.nothing_to_do();
}

/// Until the new account can be used, the old one is all that the person has.
#[test]
fn a_person_does_not_lose_the_old_account_to_a_pending_one() {
    for standing in [Standing::Inactive, Standing::Deactivated, Standing::Ineligible] {
        let mut world = World::equal(&[("Risk", "ann bob")]);
        world.hr().person("bob").addresses = vec![mail("robert")];
        world.account("robert").standing = standing;
        world.nothing_to_do();
        assert_eq!(world.skips().len(), 1, "{:?}", world.skips());
        world.apply();
        world.nothing_to_do();
        world.account("robert").standing = Standing::Active;
        assert_eq!(world.changes(), ["add Risk robert", "remove Risk bob: grant_ended"]);
    }
}

#[test]
fn a_linked_account_that_is_no_longer_active_stays_where_it_is() {
    for standing in [Standing::Inactive, Standing::Deactivated] {
        let mut world = World::equal(&[("Risk", "ann bob")]);
        world.hr().person("bob").addresses = vec![mail("robert")];
        world.account("bob").standing = standing;
        world.nothing_to_do();
        assert_eq!(world.skips().len(), 1, "{:?}", world.skips());
    }
}

/// An address that was given to somebody else: the old holder's link does not make the account theirs.
#[test]
fn a_link_to_an_account_whose_address_is_another_person_s_is_ambiguous() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann")]);
    world.hr().person("bob").addresses = vec![mail("robert")];
    world.hr().person("new-bob").addresses = vec![mail("bob")];
    world.hr().join("audit", "bob");
    assert_eq!(world.changes(), [""; 0]);
    assert_eq!(world.skips().len(), 2, "{:?}", world.skips());
    world.hr().person("new-bob").disabled = true;
    assert_eq!(world.changes(), ["add Audit bob"]);
}

/// Two accounts bear bob's address, and one of them is linked to somebody of another source: whose it is, nobody knows.
#[test]
fn an_account_that_is_ambiguous_by_another_source_is_not_added() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.source("it").join("audit", "cas");
    world.map("it", "audit", "Audit");
    world.members("Audit", "cas");
    let mut world = world.settled();
    world.source("it").join("board", "cas");
    world.map("it", "board", "Board");
    world.members("Board", "");
    assert_eq!(world.changes(), ["add Board cas"]);
    world.account("cas").email = Some(address("bob"));
    assert_eq!(world.changes(), [""; 0]);
    let skips = world.skips();
    assert!(skips.iter().any(|skip| skip.starts_with("Board ") && skip.ends_with(" ambiguous")), "{skips:?}");
}

/// Whoever is not in half a list is not gone.
#[test]
fn nothing_is_learned_from_half_a_list() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().without("bob");
    assert_ne!(world.decide().learned, world.memory.learned);
    world.hr().complete = false;
    assert_eq!(world.decide().learned, world.memory.learned);
}

#[test]
fn who_left_and_was_hired_again_is_one_person() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().person("bob-2019").addresses = vec![mail("bob")];
    world.hr().person("bob-2019").disabled = true;
    world.hr().join("risk", "bob-2026");
    world.hr().person("bob-2026").addresses = vec![mail("bob")];
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk bob"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn contacts_are_granted_nothing_and_lose_nothing() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.account("bob").standing = Standing::Ineligible;
    world.account("bob").kind = "contact".into();
    world.hr().join("risk", "cas");
    world.account("cas").standing = Standing::Ineligible;
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk cas@corp.example ineligible_type"]);
}

#[test]
fn ldap_people_follow_the_same_rules() {
    let mut world = World::new();
    world.source("ad").kind = SourceKind::Ldap;
    world.source("ad").ldap_group("guid-1", "GRC-Risk");
    world.source("ad").join("guid-1", "ann bob");
    world.map("ad", "grc-RISK", "Risk");
    world.members("Risk", "ann bob");
    world.settled().nothing_to_do();
}
