//! A user of the simulated organisation.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One user, with the fields of the vendor's Users API.
///
/// In a world file only `email` (or nothing at all) is needed: missing ids are made up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The organisation-user id.
    pub id: String,
    /// The user's id, which groups hold unless a switch says otherwise.
    pub user_id: String,
    /// The e-mail address; can be missing, service accounts being the usual case.
    pub email: Option<String>,
    /// First name.
    pub given_name: String,
    /// Last name.
    pub surname: String,
    /// The state of the user within the organisation.
    pub status: UserStatus,
    /// What kind of user this is.
    #[serde(rename = "type")]
    pub kind: UserType,
    /// The organisation role, such as `administrator`; shown as an id with `expand`.
    pub role: String,
    /// True for a user who is in no list but can be a member all the same.
    pub hidden: bool,
    /// Fields laid over the reply as they are, to show a client odd data.
    pub overlay: Map<String, Value>,
}

/// `status` of a user, with the values of the Users API page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserStatus {
    /// In use.
    #[default]
    Active,
    /// Put away; what a deactivated user most likely has.
    Archived,
    /// Gone.
    Deleted,
    /// Invited, not accepted yet.
    Pending,
    /// The invitation was withdrawn.
    Canceled,
}

/// `type` of a user, with the values of the Users API page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserType {
    /// A person with a login.
    #[default]
    ActiveUser,
    /// A person without a login.
    Contact,
    /// A person whose login was taken away.
    DeactivatedUser,
    /// An API client's own account.
    ServiceAccount,
    /// An API client's account that was switched off.
    DeactivatedServiceAccount,
    /// The account of a synchronisation.
    SyncServiceAccount,
    /// The account of a synchronisation that was switched off.
    DeactivatedSyncServiceAccount,
}

impl UserType {
    /// Whether lists leave the user out unless `includeDeactivated` is given.
    #[must_use]
    pub fn is_deactivated(self) -> bool {
        matches!(self, Self::DeactivatedUser | Self::DeactivatedServiceAccount | Self::DeactivatedSyncServiceAccount)
    }

    /// Whether the account belongs to a program.
    #[must_use]
    pub fn is_service(self) -> bool {
        !matches!(self, Self::ActiveUser | Self::Contact | Self::DeactivatedUser)
    }

    /// The kind after deactivation.
    pub(super) fn deactivated(self) -> Self {
        match self {
            Self::ActiveUser | Self::Contact | Self::DeactivatedUser => Self::DeactivatedUser,
            Self::ServiceAccount | Self::DeactivatedServiceAccount => Self::DeactivatedServiceAccount,
            Self::SyncServiceAccount | Self::DeactivatedSyncServiceAccount => Self::DeactivatedSyncServiceAccount,
        }
    }

    /// The kind after reactivation: a person comes back as a contact, as the vendor's help says.
    pub(super) fn reactivated(self) -> Self {
        match self {
            Self::DeactivatedUser => Self::Contact,
            Self::DeactivatedServiceAccount => Self::ServiceAccount,
            Self::DeactivatedSyncServiceAccount => Self::SyncServiceAccount,
            other => other,
        }
    }
}
