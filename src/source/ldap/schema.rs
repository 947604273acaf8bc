//! How a directory says things: the presets, and what a configuration overrides. Floor 2, plain data.

/// The directories that are known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Active Directory, and Samba as its domain controller.
    ActiveDirectory,
    /// Groups of names (OpenLDAP's usual set-up; the draft RFC 2307bis).
    Rfc2307bis,
    /// Posix groups with login names (RFC 2307).
    Rfc2307,
    /// FreeIPA.
    FreeIpa,
    /// 389 Directory Server.
    Ds389,
}

impl Preset {
    /// The preset that a word of the configuration means.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "active-directory" => Self::ActiveDirectory,
            "openldap" | "rfc2307bis" => Self::Rfc2307bis,
            "rfc2307" => Self::Rfc2307,
            "freeipa" => Self::FreeIpa,
            "389ds" => Self::Ds389,
            _ => return None,
        })
    }
}

/// How a directory says things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Filter of the entries that are people.
    pub user_filter: String,
    /// Filter of the entries that are groups.
    pub group_filter: String,
    /// The attribute by which `memberUid` names people.
    pub user_name_attribute: String,
    /// Attributes that name a group; the first value is shown.
    pub group_name_attributes: Vec<String>,
    /// Attributes that say who is a member. `memberUid` holds login names, `memberURL` searches,
    /// `memberOf` is an attribute of people and of nested groups; every other holds names of entries.
    pub member_attributes: Vec<String>,
    /// The immutable id.
    pub id_attribute: String,
    /// Attributes that hold addresses, the primary one first.
    pub email_attributes: Vec<String>,
    /// How the directory says that somebody has left; none: it is not known.
    pub disabled: Option<Disabled>,
    /// Whether people are members of their primary group (Active Directory).
    pub primary_groups: bool,
}

/// How the directory says that somebody has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disabled {
    /// By a value, compared without case.
    Values {
        /// The attribute.
        attribute: String,
        /// Its values for people who have left, in lower case.
        values: Vec<String>,
    },
    /// By a bit of a number.
    Bit {
        /// The attribute.
        attribute: String,
        /// The value of the bit, such as 2.
        bit: u64,
    },
}

impl Schema {
    /// The preset as it stands.
    pub fn of(preset: Preset) -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let locked = Disabled::Values { attribute: "nsAccountLock".into(), values: names(&["true"]) };
        let base = Self {
            user_filter: "(objectClass=inetOrgPerson)".into(),
            group_filter: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers))"
                .into(),
            user_name_attribute: "uid".into(),
            group_name_attributes: names(&["cn"]),
            member_attributes: names(&["member", "uniqueMember"]),
            id_attribute: "entryUUID".into(),
            email_attributes: names(&["mail"]),
            disabled: None,
            primary_groups: false,
        };
        match preset {
            Preset::Rfc2307bis => base,
            Preset::ActiveDirectory => Self {
                user_filter: "(&(objectCategory=person)(|(objectClass=user)(objectClass=contact)))".into(),
                group_filter: "(objectClass=group)".into(),
                user_name_attribute: "sAMAccountName".into(),
                group_name_attributes: names(&["cn", "sAMAccountName"]),
                member_attributes: names(&["member"]),
                id_attribute: "objectGUID".into(),
                email_attributes: names(&["mail", "proxyAddresses"]),
                disabled: Some(Disabled::Bit { attribute: "userAccountControl".into(), bit: 2 }),
                primary_groups: true,
            },
            Preset::Rfc2307 => Self {
                user_filter: "(|(objectClass=inetOrgPerson)(objectClass=posixAccount))".into(),
                group_filter: "(objectClass=posixGroup)".into(),
                member_attributes: names(&["memberUid"]),
                ..base
            },
            Preset::FreeIpa => Self {
                user_filter: "(objectClass=person)".into(),
                group_filter: "(|(objectClass=ipausergroup)(objectClass=groupOfNames))".into(),
                member_attributes: names(&["member"]),
                id_attribute: "ipaUniqueID".into(),
                disabled: Some(locked),
                ..base
            },
            Preset::Ds389 => Self {
                group_filter: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))".into(),
                id_attribute: "nsUniqueId".into(),
                disabled: Some(locked),
                ..base
            },
        }
    }

    /// Whether people name their groups themselves. Then nothing but reading all people, and all groups
    /// for what is nested, tells who is in one.
    pub(super) fn by_member_of(&self) -> bool {
        self.has_member_attribute("memberOf")
    }

    /// Whether an attribute of this name says who is a member.
    pub(super) fn has_member_attribute(&self, name: &str) -> bool {
        self.member_attributes.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// The attributes that hold names of entries.
    pub(super) fn dn_attributes(&self) -> impl Iterator<Item = &str> {
        let special = ["memberUid", "memberURL", "memberOf"];
        let own = self.member_attributes.iter().map(String::as_str);
        own.filter(move |own| !special.iter().any(|special| special.eq_ignore_ascii_case(own)))
    }

    /// What is asked for of a person.
    pub(super) fn person_attributes(&self) -> Vec<String> {
        let mut asked = vec![self.id_attribute.clone()];
        asked.extend(self.email_attributes.iter().cloned());
        asked.extend(self.disabled.as_ref().map(|disabled| disabled.attribute().to_owned()));
        if self.has_member_attribute("memberUid") {
            asked.push(self.user_name_attribute.clone());
        }
        if self.by_member_of() {
            asked.push("memberOf".into());
        }
        if self.primary_groups {
            asked.extend(["primaryGroupID".into(), "objectSid".into()]);
        }
        asked
    }

    /// What is asked for of a group.
    pub(super) fn group_attributes(&self) -> Vec<String> {
        let mut asked = vec![self.id_attribute.clone(), "objectClass".to_owned()];
        asked.extend(self.group_name_attributes.iter().cloned());
        // memberOf as well: where people name their groups, so do nested groups.
        asked.extend(self.member_attributes.iter().cloned());
        asked.extend(STAMPS.map(str::to_owned));
        if self.primary_groups {
            asked.push("objectSid".into());
        }
        asked
    }
}

/// Attributes that change with every change of an entry: uSNChanged on Active Directory,
/// modifyTimestamp elsewhere.
pub(super) const STAMPS: [&str; 2] = ["uSNChanged", "modifyTimestamp"];

impl Disabled {
    /// The attribute.
    pub fn attribute(&self) -> &str {
        match self {
            Self::Values { attribute, .. } | Self::Bit { attribute, .. } => attribute,
        }
    }

    /// Whether a value of the attribute says that somebody has left.
    pub(super) fn is_meant_by(&self, value: &str) -> bool {
        let value = value.trim();
        match self {
            Self::Values { values, .. } => values.contains(&value.to_lowercase()),
            // A negative number has its bits as well: group types have the highest one set.
            Self::Bit { bit, .. } => value.parse::<i64>().is_ok_and(|number| number.cast_unsigned() & bit != 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_filters_that_are_filters() {
        for word in ["active-directory", "openldap", "rfc2307bis", "rfc2307", "freeipa", "389ds"] {
            let schema = Schema::of(Preset::parse(word).unwrap());
            for filter in [&schema.user_filter, &schema.group_filter] {
                assert!(ldap3::parse_filter(filter).is_ok(), "{filter}");
            }
        }
        assert_eq!(Preset::parse("ad"), None);
    }

    #[test]
    fn the_bit_is_tested_and_not_the_value() {
        let disabled = Schema::of(Preset::ActiveDirectory).disabled.unwrap();
        for (value, gone) in
            [("512", false), ("514", true), ("66048", false), ("66050", true), ("x", false), ("", false)]
        {
            assert_eq!(disabled.is_meant_by(value), gone, "{value}");
        }
        let locked = Schema::of(Preset::FreeIpa).disabled.unwrap();
        assert!(locked.is_meant_by("TRUE") && !locked.is_meant_by("FALSE"));
    }
}
