//! Whom and what rosterd may touch: modes, `keep`, `ignore`, what it added itself.

use rosterd::model::policy::{Mode, Rewrite};

use super::support::small::{World, address, mail};

#[test]
fn owned_removes_only_what_rosterd_added() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.rules("Risk").mode = Mode::Owned;
    world.members("Risk", "eve");
    let mut world = world.settled();
    world.hr().join("risk", "bob");
    world.account("bob");
    world.apply();
    world.hr().leave("risk", "ann bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
    assert_eq!(world.skips(), ["Risk ann@corp.example not_owned", "Risk eve@corp.example not_owned"]);
    world.apply();
    world.nothing_to_do();
}

/// Whoever took the member out and put them in again by hand made another membership.
#[test]
fn a_membership_that_went_and_came_back_by_hand_is_not_owned() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.rules("Risk").mode = Mode::Owned;
    let mut world = world.settled();
    world.hr().join("risk", "bob");
    world.account("bob");
    world.apply();
    world.hr().leave("risk", "bob");
    world.without_members("Risk", "bob");
    world.apply();
    world.members("Risk", "bob");
    world.apply();
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk bob@corp.example not_owned"]);
}

#[test]
fn keep_protects_whatever_the_case_of_the_address() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.rules("Risk").keep = vec![address("BOB")];
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk bob@corp.example protected"]);
}

/// The directory's word for somebody is as good as Hyperproof's.
#[test]
fn keep_protects_by_any_address_of_the_person() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.rules("Risk").keep = vec![address("robert")];
    world.hr().person("bob").addresses = vec![mail("bob"), mail("robert")];
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
    // By a link: the account still bears the old address.
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.rules("Risk").keep = vec![address("robert")];
    world.hr().person("bob").addresses = vec![mail("robert")];
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
    // By an alias.
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.policy.identity.aliases = [(address("robert"), address("bob"))].into();
    world.rules("Risk").keep = vec![address("robert")];
    world.hr().without("bob");
    world.nothing_to_do();
    // By another address that is rewritten, before that and after.
    for keep in ["rob@corp.local", "rob@corp.example"] {
        let mut world = World::equal(&[("Risk", "ann bob")]);
        world.policy.identity.rewrite = vec![Rewrite { from: "@corp.local".into(), to: "@corp.example".into() }];
        world.rules("Risk").keep = vec![address(keep)];
        world.hr().person("bob").addresses = vec![mail("bob"), "rob@corp.local".to_owned()];
        world.hr().leave("risk", "bob");
        world.nothing_to_do();
    }
}

/// Incident 12: ignore lists acted on the wrong side.
#[test]
fn the_ignored_are_neither_added_nor_removed() {
    let mut world = World::equal(&[("Risk", "ann svc-old")]);
    world.policy.identity.ignore = vec!["SVC-*@corp.example".into()];
    world.hr().leave("risk", "svc-old");
    world.hr().join("risk", "svc-new");
    world.account("svc-new");
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk svc-new@corp.example ignored", "Risk svc-old@corp.example ignored"]);
}

/// By the address of the account: the directory has another one by now, under which nobody is ignored.
#[test]
fn an_ignored_account_is_not_added_by_a_link_either() {
    let mut world = World::equal(&[("Risk", "ann svc-bob"), ("Audit", "ann")]);
    world.policy.identity.ignore = vec!["svc-*@corp.example".into()];
    world.hr().person("svc-bob").addresses = vec![mail("bob")];
    world.hr().join("audit", "svc-bob");
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Audit svc-bob@corp.example ignored"]);
}

#[test]
fn ignore_works_in_any_spelling_of_a_domain() {
    for (pattern, account) in [
        ("svc-*@bücher.example", "svc-a@xn--bcher-kva.example"),
        ("svc-*@BÜCHER.example", "svc-a@bücher.example"),
        ("svc-*@xn--bcher-kva.example", "svc-a@bücher.example"),
        ("SVC-É*@corp.example", "svc-e\u{301}a@corp.example"),
        ("*@bücher.example", "svc-a@bücher.example"),
        ("*", "svc-a@bücher.example"),
    ] {
        let mut world = World::equal(&[("Risk", "ann bob")]);
        world.members("Risk", "svc");
        world.account("svc").email = Some(address(account));
        world.policy.identity.ignore = vec![pattern.into()];
        if pattern == "*" {
            world.live_group("Risk").members.retain(|member| member.as_str() == "u-svc");
        }
        world.nothing_to_do();
        assert!(world.skips().iter().any(|skip| skip.ends_with(" ignored")), "{pattern}: {:?}", world.skips());
    }
}

#[test]
fn what_one_group_keeps_another_need_not() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann bob")]);
    world.rules("Risk").keep = vec![address("bob")];
    world.hr().without("bob");
    assert_eq!(world.changes(), ["remove Audit bob: person_gone"]);
    world.apply();
    world.nothing_to_do();
}
