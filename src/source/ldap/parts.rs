//! Members of a group that the server does not give all at once (MS-ADTS 3.1.1.3.1.3.3: ranges). Floor 2.

use super::Settings;
use super::fault::Fault;
use super::groups::{Group, Open, stamp};
use super::session::{Look, Session};

/// The rest of attributes that were answered in part. What the server refuses is an error; what it says
/// of the members is the group's, its gaps included.
pub(super) async fn rest(session: &Session, settings: &Settings, group: &mut Group) -> Result<(), Fault> {
    let open = std::mem::take(&mut group.open);
    if open.is_empty() {
        return Ok(());
    }
    let first = group.stamp.clone();
    let mut steady = true;
    for open in open {
        steady &= rest_of(session, settings, group, open).await?;
    }
    let now = stamp_of(session, settings, group).await?;
    if first.is_empty() {
        group.gap = Some("the server does not say when it changed, and its members were read in parts".to_owned());
        return Ok(());
    }
    if steady && now == first {
        return Ok(());
    }
    // A change between two parts can hide a member: once more, from the start.
    group.forget_members();
    let mut steady = true;
    for attribute in settings.schema.dn_attributes() {
        steady &= rest_of(session, settings, group, Open::new(attribute)).await?;
    }
    if !steady || stamp_of(session, settings, group).await? != now {
        group.gap = Some("it changed twice while its members were read in parts".to_owned());
    }
    group.stamp = now;
    Ok(())
}

/// Asks for an attribute's values from where its reading stands, until the server says that there are no
/// more. The steps are the server's. False: values moved meanwhile.
///
/// Each part begins with the last value of the one before. Who is deleted vanishes from the group without
/// a change of its stamp, and what comes behind moves up: somebody would be passed over.
async fn rest_of(session: &Session, settings: &Settings, group: &mut Group, mut open: Open) -> Result<bool, Fault> {
    let filter = &settings.schema.group_filter;
    loop {
        let from = open.next.saturating_sub(1);
        let Open { attribute, next, last } = &mut open;
        let part = [format!("{attribute};range={from}-*")];
        group.ranges += 1;
        let entry = match session.look("reading members", &group.dn, filter, &part).await? {
            Look::Found(entry) => entry,
            Look::NotMeant | Look::NoSuchObject => {
                group.gap = Some("it went away while its members were read in parts".to_owned());
                return Ok(true);
            }
        };
        let (range, values) = match entry.range(attribute) {
            Some((range, values)) if range.from == from => (range, values.collect::<Vec<_>>()),
            Some((range, _)) => {
                group.gap = Some(format!("the server answered {attribute} from {} instead of {from}", range.from));
                return Ok(true);
            }
            // Values without a range are all of them, and right only when all were asked for.
            None if *next == 0 => {
                group.take_members(&entry, attribute);
                return Ok(true);
            }
            None => {
                group.gap = Some(format!("the server said that {attribute} goes on at {next}, and gave nothing"));
                return Ok(true);
            }
        };
        let new = match values.split_first() {
            _ if *next == 0 => &values,
            Some((first, new)) if first == last => new,
            _ => return Ok(false),
        };
        group.take_values(new.iter().copied(), attribute);
        match range.next {
            None => return Ok(true),
            Some(further) if further <= *next => {
                group.gap = Some(format!("the server parts {attribute} without getting on"));
                return Ok(true);
            }
            Some(further) => *next = further,
        }
        if let Some(value) = values.last() {
            *last = value.to_vec();
        }
    }
}

async fn stamp_of(session: &Session, settings: &Settings, group: &Group) -> Result<Vec<String>, Fault> {
    let asked = super::schema::STAMPS.map(str::to_owned);
    match session.look("reading members", &group.dn, &settings.schema.group_filter, &asked).await? {
        Look::Found(entry) => Ok(stamp(&entry)),
        Look::NotMeant | Look::NoSuchObject => Ok(Vec::new()),
    }
}
