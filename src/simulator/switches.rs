//! Every behaviour of Hyperproof that is not documented, as a switch.
//!
//! The vendor's pages leave much open: which id a group holds, what a repeated
//! addition answers, whether a list can be capped. A client must work whichever
//! way the real service goes, so each open question is a setting here. The
//! defaults are the most likely behaviour.

use serde::{Deserialize, Serialize};

use super::choices::{
    AddPresent, Admission, ArchivedWrite, CreateStatus, DeactivatedMembers, DuplicateName, Emails, ErrorBody,
    ExpiresIn, GroupUserIds, Leniency, MemberId, NameCase, Presence, RemoveAbsent, StatusParameter, Timestamps,
    TrailingSlash, WriteReply, WrongIdKind,
};

/// The undocumented behaviours of the simulated service.
///
/// All fields have a default, so that a world file names only what it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Switches {
    /// Which of a user's two ids stands in `userIds` and `groupLeadId`.
    pub member_id: MemberId,
    /// What happens to a batch that names a user by the other kind of id.
    pub wrong_id_kind: WrongIdKind,
    /// Adding somebody who is in the group already.
    pub add_present: AddPresent,
    /// Removing somebody who is not in the group.
    pub remove_absent: RemoveAbsent,
    /// A user id that the organisation does not know.
    pub unknown_user: Admission,
    /// Adding a contact (a user without a login).
    pub contact: Admission,
    /// Adding a deactivated account.
    pub deactivated: Admission,
    /// Adding an invited account that has not accepted yet.
    pub pending: Admission,
    /// Adding a service account.
    pub service_account: Admission,
    /// A membership change without any user id.
    pub empty_user_ids: Leniency,
    /// The same user id twice in one list.
    pub duplicates: Leniency,
    /// The most user ids that one request may name; more is a 400.
    pub max_batch: Option<usize>,
    /// What `userIds` holds in the reply to a membership change.
    pub write_reply: WriteReply,
    /// Whether a group without members has an entry in `GET /groups/users`.
    pub empty_group_entry: bool,
    /// When the body of a group carries `userIds`.
    pub group_user_ids: GroupUserIds,
    /// Reading an archived group by its id.
    pub archived_by_id: Presence,
    /// Changing an archived group.
    pub archived_write: ArchivedWrite,
    /// Whether the body of a group carries a `status`, which no schema lists.
    pub group_status_field: bool,
    /// Whether lists show archived groups without being asked for them.
    pub archived_listed: bool,
    /// Whether the `status` parameter of the lists does anything.
    pub status_parameter: StatusParameter,
    /// Creating a group, or renaming one, to a name that is taken.
    pub duplicate_name: DuplicateName,
    /// How two group names are compared.
    pub name_case: NameCase,
    /// Whether the name of an archived group is still taken.
    pub archived_names_count: bool,
    /// The status that answers a created group.
    pub create_status: CreateStatus,
    /// What deactivation does to memberships.
    pub deactivated_members: DeactivatedMembers,
    /// Whether naming a lead makes that user a member.
    pub lead_is_member: bool,
    /// Whether a change of members moves `updatedOn`.
    pub membership_moves_updated_on: bool,
    /// Role too low for users: the list answers `200 []`.
    pub blind_users: bool,
    /// Role too low for groups: the list answers `200 []`.
    pub blind_groups: bool,
    /// Role too low for memberships: the list answers `200 []`.
    pub blind_memberships: bool,
    /// Role too low for changes: every write answers a permission-403.
    pub writes_forbidden: bool,
    /// The longest list that the server returns; it says nothing about the rest.
    pub list_cap: Option<usize>,
    /// Whose e-mail address the list of users shows.
    pub emails: Emails,
    /// Whether the list of users carries `status` (the vendor's sample omits it).
    pub user_status_field: bool,
    /// How timestamps are written.
    pub timestamps: Timestamps,
    /// How the token reply tells the life of the token.
    pub expires_in: ExpiresIn,
    /// How long a token lives, in seconds.
    pub token_life_seconds: u64,
    /// How many API calls a token is good for; after that it is expired.
    pub token_calls: Option<u32>,
    /// The form of the body of an error that the application answers.
    pub error_body: ErrorBody,
    /// How many reads after a write still show the group as it was before.
    pub stale_reads: u32,
    /// Which spelling of a collection's address works.
    pub trailing_slash: TrailingSlash,
    /// Whether unknown fields and parameters are refused, which finds a
    /// misspelt name in the client.
    pub strict: bool,
    /// A standing limit on the rate of API calls.
    pub rate_limit: Option<RateLimit>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            member_id: MemberId::UserId,
            wrong_id_kind: WrongIdKind::Reject,
            add_present: AddPresent::Ok,
            remove_absent: RemoveAbsent::Ok,
            unknown_user: Admission::Reject,
            contact: Admission::Accept,
            deactivated: Admission::Reject,
            pending: Admission::Accept,
            service_account: Admission::Reject,
            empty_user_ids: Leniency::Ok,
            duplicates: Leniency::Ok,
            max_batch: None,
            write_reply: WriteReply::After,
            empty_group_entry: true,
            group_user_ids: GroupUserIds::OnExpand,
            archived_by_id: Presence::Ok,
            archived_write: ArchivedWrite::NotFound,
            group_status_field: false,
            archived_listed: false,
            status_parameter: StatusParameter::Honoured,
            duplicate_name: DuplicateName::BadRequest,
            name_case: NameCase::Insensitive,
            archived_names_count: true,
            create_status: CreateStatus::Ok,
            deactivated_members: DeactivatedMembers::Stay,
            lead_is_member: false,
            membership_moves_updated_on: true,
            blind_users: false,
            blind_groups: false,
            blind_memberships: false,
            writes_forbidden: false,
            list_cap: None,
            emails: Emails::All,
            user_status_field: true,
            timestamps: Timestamps::SevenDigits,
            expires_in: ExpiresIn::Number,
            token_life_seconds: 3600,
            token_calls: None,
            error_body: ErrorBody::Gateway,
            stale_reads: 0,
            trailing_slash: TrailingSlash::Both,
            strict: true,
            rate_limit: None,
        }
    }
}

/// A standing limit: so many API calls in each window, 429 beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// How many calls one window allows.
    pub calls: u32,
    /// The length of a window in milliseconds.
    pub window_ms: u64,
    /// Whether the refusal carries a `Retry-After`.
    #[serde(default = "yes")]
    pub retry_after: bool,
}

fn yes() -> bool {
    true
}
