//! Members of a group that the server does not give all at once (MS-ADTS 3.1.1.3.1.3.3: ranges). Floor 2.

use super::Settings;
use super::fault::Fault;
use super::groups::{Group, stamp};
use super::session::{Look, Session};

/// The rest of attributes that were answered in part. What the server refuses is an error; what it says
/// of the members is the group's, its gaps included.
pub(super) async fn rest(session: &Session, settings: &Settings, group: &mut Group) -> Result<(), Fault> {
    let open = std::mem::take(&mut group.open);
    if open.is_empty() {
        return Ok(());
    }
    let first = group.stamp.clone();
    for (attribute, next) in &open {
        rest_of(session, settings, group, attribute, *next).await?;
    }
    let now = stamp_of(session, settings, group).await?;
    if now == first {
        return Ok(());
    }
    // A change between two parts can hide a member: once more, from the start.
    group.forget_members();
    for attribute in settings.schema.dn_attributes() {
        rest_of(session, settings, group, attribute, 0).await?;
    }
    if stamp_of(session, settings, group).await? != now {
        group.gap = Some("it changed twice while its members were read in parts".to_owned());
    }
    Ok(())
}

/// Asks for an attribute's values from one number on, until the server says that there are no more.
/// The steps are the server's.
async fn rest_of(
    session: &Session,
    settings: &Settings,
    group: &mut Group,
    attribute: &str,
    from: u32,
) -> Result<(), Fault> {
    let mut next = Some(from);
    while let Some(from) = next {
        let part = [format!("{attribute};range={from}-*")];
        group.ranges += 1;
        let entry = match session.look("reading members", &group.dn, &settings.schema.group_filter, &part).await? {
            Look::Found(entry) => entry,
            Look::NotMeant | Look::NoSuchObject => {
                group.gap = Some("it went away while its members were read in parts".to_owned());
                return Ok(());
            }
        };
        match entry.range(attribute) {
            Some((range, _)) if range.from == from => {
                group.take_range(&entry, attribute);
                next = range.next;
                if next.is_some_and(|next| next <= from) {
                    group.gap = Some(format!("the server parts {attribute} without getting on"));
                    return Ok(());
                }
            }
            Some((range, _)) => {
                group.gap = Some(format!("the server answered {attribute} from {} instead of {from}", range.from));
                return Ok(());
            }
            // Values without a range are all of them, and right only when all were asked for.
            None if from == 0 => {
                group.take_members(&entry, attribute);
                next = None;
            }
            None => {
                group.gap = Some(format!("the server said that {attribute} goes on at {from}, and gave nothing"));
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn stamp_of(session: &Session, settings: &Settings, group: &Group) -> Result<Vec<String>, Fault> {
    let asked = super::schema::STAMPS.map(str::to_owned);
    match session.look("reading members", &group.dn, &settings.schema.group_filter, &asked).await? {
        Look::Found(entry) => Ok(stamp(&entry)),
        Look::NotMeant | Look::NoSuchObject => Ok(Vec::new()),
    }
}
