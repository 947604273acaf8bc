//! The client against the simulator, which was written from the vendor's pages and not from the
//! client: every way that the undocumented parts may go.
#![expect(clippy::unwrap_used, reason = "a test whose simulator fails shall fail")]

use rosterd::model::id::{AccountId, GroupId};
use rosterd::model::live::MemberIdKind;
use rosterd::secret::Secret;
use rosterd::simulator::{
    AddPresent, CreateStatus, ErrorBody, ExpiresIn, Fault, FaultKind, GroupUserIds, Matcher, MemberId, Moment,
    RemoveAbsent, Simulator, Switches, TrailingSlash, World, WriteReply,
};
use rosterd::target::{Client, TargetError};

use super::server::{Memory, Server};

async fn client(simulator: &Simulator) -> Client {
    let world = simulator.world();
    let mut settings = Server::start().await.settings();
    settings.api_url = simulator.api_url();
    settings.token_url = simulator.token_url();
    settings.client_id = world.client.client_id.clone();
    settings.client_secret = Secret::new(world.client.client_secret.clone());
    Client::new(&settings).unwrap()
}

fn world(switch: impl FnOnce(&mut Switches)) -> World {
    let mut world = World::new("corp");
    for name in ["ann", "bob", "cy", "dan", "eve"] {
        world.add_user(&format!("{name}@corp.example"));
    }
    world.add_group("Staff", &["ann@corp.example", "bob@corp.example"]);
    switch(&mut world.switches);
    world
}

/// Reads, changes everything that can be changed, and looks at the world.
async fn walk(what: &str, world: World) {
    let simulator = Simulator::start(world).await.unwrap();
    let client = client(&simulator).await;
    let live = client.reader().live(Memory::default().known()).await.unwrap();
    assert!(live.member_id_proven && live.problems.is_empty(), "{what}: {live:?}");
    let id = |name: &str| -> AccountId {
        let email = format!("{name}@corp.example");
        let found =
            live.accounts.iter().find(|account| account.email.as_ref().is_some_and(|one| one.as_str() == email));
        found.unwrap().id.clone()
    };
    let staff: GroupId = live.groups[0].id.clone();
    let writer = client.writer();
    let mut results = Vec::new();
    for accounts in [vec![id("ann"), id("cy"), id("dan")], vec![id("cy")]] {
        results.extend(writer.add_members(&staff, &accounts).await.members);
    }
    for accounts in [vec![id("ann"), id("eve"), id("bob")], vec![id("eve")]] {
        results.extend(writer.remove_members(&staff, &accounts).await.members);
    }
    assert!(results.iter().all(|member| member.result.is_so()), "{what}: {results:#?}");
    assert_eq!(simulator.world().member_emails("Staff"), ["cy@corp.example", "dan@corp.example"], "{what}");
    for lead in [writer.set_lead(&staff, &id("dan")).await, writer.clear_lead(&staff).await] {
        assert!(lead.result.is_so(), "{what}: {lead:?}");
    }
    let created = writer.create_group("New", Some(&id("ann")), &[id("ann"), id("bob")]).await;
    assert!(
        created.result.is_so() && created.lead.as_ref().is_some_and(|lead| lead.result.is_so()),
        "{what}: {created:?}"
    );
    assert!(created.members.iter().all(|member| member.result.is_so()), "{what}: {created:?}");
    assert_eq!(simulator.world().member_emails("New"), ["ann@corp.example", "bob@corp.example"], "{what}");
    let again = client.reader().live(Memory::default().known()).await.unwrap();
    let new = again.group(created.group.as_ref().unwrap()).unwrap();
    assert_eq!((new.lead.clone(), new.count()), (Some(id("ann")), 2), "{what}");
}

#[tokio::test]
async fn every_way_the_undocumented_may_go() {
    type Switch = fn(&mut Switches);
    let switches: [(&str, Switch); 24] = [
        ("as is", |_| {}),
        ("ids of the organisation", |s| s.member_id = MemberId::Id),
        ("present is a conflict", |s| s.add_present = AddPresent::Conflict),
        ("present is bad", |s| s.add_present = AddPresent::BadRequest),
        ("absent is not found", |s| s.remove_absent = RemoveAbsent::NotFound),
        ("absent is bad", |s| s.remove_absent = RemoveAbsent::BadRequest),
        ("changed", |s| s.write_reply = WriteReply::Changed),
        ("echo", |s| s.write_reply = WriteReply::Echo),
        ("nothing", |s| s.write_reply = WriteReply::Empty),
        ("small batches", |s| s.max_batch = Some(2)),
        ("one at a time", |s| s.max_batch = Some(1)),
        ("no entry for nobody", |s| s.empty_group_entry = false),
        ("members in groups", |s| s.group_user_ids = GroupUserIds::Always),
        ("status in groups", |s| s.group_status_field = true),
        ("created", |s| s.create_status = CreateStatus::Created),
        ("no status of users", |s| s.user_status_field = false),
        ("life as text", |s| s.expires_in = ExpiresIn::Text),
        ("life unsaid", |s| s.expires_in = ExpiresIn::Missing),
        ("short tokens", |s| s.token_calls = Some(5)),
        ("error as text", |s| s.error_body = ErrorBody::Text),
        ("error as a page", |s| s.error_body = ErrorBody::Html),
        ("stale", |s| {
            s.stale_reads = 1;
            s.write_reply = WriteReply::Empty;
        }),
        ("with a slash", |s| s.trailing_slash = TrailingSlash::Required),
        ("without a slash", |s| s.trailing_slash = TrailingSlash::Forbidden),
    ];
    for (what, switch) in switches {
        walk(what, world(switch)).await;
    }
}

#[tokio::test]
async fn the_verdict_on_ids_follows_the_world() {
    for (kind, expected) in [(MemberId::UserId, MemberIdKind::UserId), (MemberId::Id, MemberIdKind::Id)] {
        let simulator = Simulator::start(world(|switches| switches.member_id = kind)).await.unwrap();
        let live = client(&simulator).await.reader().live(Memory::default().known()).await.unwrap();
        assert_eq!((live.member_id, live.member_id_proven), (expected, true));
    }
}

#[tokio::test]
async fn a_role_that_is_too_low_is_not_believed() {
    let blinds: [fn(&mut Switches); 3] =
        [|s| s.blind_users = true, |s| s.blind_groups = true, |s| s.blind_memberships = true];
    for (at, blind) in blinds.into_iter().enumerate() {
        let simulator = Simulator::start(world(|_| {})).await.unwrap();
        let client = client(&simulator).await;
        let live = client.reader().live(Memory::default().known()).await.unwrap();
        let memory = Memory {
            own: Some(live.own_id.clone()),
            member_id: Some(live.member_id),
            groups: live.groups.iter().map(|group| (group.id.clone(), group.name.clone())).collect(),
            mapped: live.groups.iter().map(|group| group.id.clone()).collect(),
            left: live.groups.iter().map(|group| (group.id.clone(), live.members(group).cloned().collect())).collect(),
        };
        simulator.change(|world| blind(&mut world.switches));
        let error = client.reader().live(memory.known()).await.unwrap_err();
        assert!(matches!(error, TargetError::Unbelievable { .. }), "{at}: {error:?}");
    }
}

#[tokio::test]
async fn one_fault_anywhere_changes_nothing_in_the_end() {
    let kinds = [
        FaultKind::RateLimit { retry_after: None, seconds: 0 },
        FaultKind::Quota { retry_after: None },
        FaultKind::Unauthorized,
        FaultKind::Status { code: 503, moment: Moment::Before },
        FaultKind::Status { code: 500, moment: Moment::After },
        FaultKind::Cut { moment: Moment::Before, reset: false },
        FaultKind::Cut { moment: Moment::After, reset: true },
        FaultKind::Truncated,
    ];
    for kind in kinds {
        for skip in 0..8 {
            let simulator = Simulator::start(world(|_| {})).await.unwrap();
            let when = Matcher { skip, path: Some("/v1/**".into()), ..Matcher::default() };
            simulator.inject(Fault { when, times: Some(1), kind: kind.clone() });
            let client = client(&simulator).await;
            let what = format!("{kind:?} at {skip}");
            let live = client.reader().live(Memory::default().known()).await;
            let live = live.unwrap_or_else(|error| panic!("{what}: {error}"));
            let accounts: Vec<AccountId> =
                live.accounts.iter().filter(|one| one.email.is_some()).map(|one| one.id.clone()).collect();
            let staff = &live.groups[0].id;
            let present: Vec<AccountId> = live.members(&live.groups[0]).cloned().collect();
            let absent: Vec<AccountId> = accounts.iter().filter(|id| !present.contains(id)).cloned().collect();
            let writer = client.writer();
            let added = writer.add_members(staff, &absent).await;
            let removed = writer.remove_members(staff, &present).await;
            let created = writer.create_group("New", None, &absent).await;
            let members = [added.members, removed.members, created.members].concat();
            assert!(created.result.is_so() && members.iter().all(|one| one.result.is_so()), "{what}: {members:?}");
            assert_eq!(simulator.world().groups.len(), 2, "{what}: made once");
            assert_eq!(simulator.world().member_emails("Staff"), simulator.world().member_emails("New"), "{what}");
        }
    }
}

#[tokio::test]
async fn a_group_gets_another_name_and_a_taken_one_is_refused() {
    for reply in [WriteReply::After, WriteReply::Empty] {
        let simulator = Simulator::start(world(|switches| switches.write_reply = reply)).await.unwrap();
        let writer = client(&simulator).await.writer();
        let group = GroupId::new(&simulator.world().group("Staff").unwrap().id);
        let call = writer.rename_group(&group, "Crew").await.unwrap();
        assert_eq!((call.method, call.status.is_some()), ("PATCH", true));
        assert!(simulator.world().group("Crew").is_some() && simulator.world().group("Staff").is_none());
        simulator.change(|world| world.add_group("Taken", &[]));
        assert!(writer.rename_group(&group, "Taken").await.is_err());
    }
}

#[tokio::test]
async fn the_tools_own_role_is_read() {
    let simulator = Simulator::start(world(|_| {})).await.unwrap();
    let me = client(&simulator).await.reader().me().await.unwrap();
    assert_eq!(me.id.as_deref(), simulator.world().account().map(|account| account.user_id.as_str()));
    assert!(me.organization_role_id.is_some(), "{me:?}");
}
