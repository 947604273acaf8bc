//! The choices that each switch has.
//!
//! In JSON all of them are written in camel case: `badRequest`, `sevenDigits`.

use serde::{Deserialize, Serialize};

/// Declares a closed set of behaviours that is written in camel case.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $choice:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($(#[$note])* $choice),+ }
    )+};
}

choices! {
    /// Which of a user's ids a group holds.
    MemberId {
        /// `userId`, as the field's name suggests.
        UserId,
        /// `id`, the organisation-user id.
        Id,
    }
    /// The answer to a user named by the kind of id that groups do not hold.
    WrongIdKind {
        /// 400 for the whole batch.
        Reject,
        /// 200, and the user is passed over.
        Ignore,
        /// Taken as if it were the right one.
        Accept,
    }
    /// The answer to adding a present member.
    AddPresent {
        /// 200, nothing changes.
        Ok,
        /// 409 for the whole batch.
        Conflict,
        /// 400 for the whole batch.
        BadRequest,
    }
    /// The answer to removing somebody who is not a member.
    RemoveAbsent {
        /// 200, nothing changes.
        Ok,
        /// 404 for the whole batch.
        NotFound,
        /// 400 for the whole batch.
        BadRequest,
    }
    /// Whether a kind of user may become a member.
    Admission {
        /// Becomes a member.
        Accept,
        /// 400 for the whole batch.
        Reject,
        /// 200, and the user is passed over.
        Ignore,
    }
    /// The answer to an odd but harmless request.
    Leniency {
        /// Taken as it is meant.
        Ok,
        /// 400.
        BadRequest,
    }
    /// `userIds` in the reply to a membership change.
    WriteReply {
        /// All members after the change.
        After,
        /// Only those who were added or removed.
        Changed,
        /// What the request said.
        Echo,
        /// 204 without a body.
        Empty,
    }
    /// When a group's body carries `userIds`.
    GroupUserIds {
        /// In every reply.
        Always,
        /// With `expand=userIds` only.
        OnExpand,
        /// Never.
        Never,
    }
    /// Whether something can be read.
    Presence {
        /// 200.
        Ok,
        /// 404.
        NotFound,
    }
    /// The answer to changing an archived group.
    ArchivedWrite {
        /// The change is made.
        Ok,
        /// 404.
        NotFound,
        /// 400.
        BadRequest,
    }
    /// What the `status` parameter does.
    StatusParameter {
        /// Selects groups by their status.
        Honoured,
        /// Nothing.
        Ignored,
    }
    /// The answer to a taken group name.
    DuplicateName {
        /// 400.
        BadRequest,
        /// 409.
        Conflict,
        /// A second group of that name comes into being.
        Allowed,
    }
    /// How group names are compared.
    NameCase {
        /// Letter by letter.
        Exact,
        /// Without regard to case.
        Insensitive,
    }
    /// The status that answers a created group.
    CreateStatus {
        /// 200, the only one documented.
        Ok,
        /// 201.
        Created,
    }
    /// What becomes of a deactivated user's memberships.
    DeactivatedMembers {
        /// They stay and are shown.
        Stay,
        /// They are shown no more.
        Vanish,
    }
    /// Whose address the list of users shows.
    Emails {
        /// Everybody's who has one.
        All,
        /// All but the service accounts'.
        NotServiceAccounts,
        /// Nobody's.
        Nobody,
    }
    /// How timestamps are written; the samples show both forms.
    Timestamps {
        /// `2023-01-01T00:00:00.0000000+00:00`
        SevenDigits,
        /// `2023-01-01T00:00:00Z`
        Zulu,
    }
    /// `expires_in` in the token reply.
    ExpiresIn {
        /// A number.
        Number,
        /// A number inside a string.
        Text,
        /// Left out.
        Missing,
    }
    /// The body of an error.
    ErrorBody {
        /// `{"statusCode": 400, "message": "…"}`
        Gateway,
        /// `{"error": "…"}`
        Error,
        /// Plain text.
        Text,
        /// A web page.
        Html,
    }
    /// Which spelling of an address works; the other is a 404.
    TrailingSlash {
        /// With and without.
        Both,
        /// Only with.
        Required,
        /// Only without.
        Forbidden,
    }
}
