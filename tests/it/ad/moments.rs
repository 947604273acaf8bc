//! Active Directory that changes while it is read: primary groups, which no group lists.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::support::ldap_proxy::{Each, Seen};

const DAN: &str = "CN=dan,OU=People,DC=corp,DC=example";

/// The last part of the security identifier of Dan's primary group.
fn primary_of_dan(samba: &Samba) -> String {
    let mut command = Command::new("ldapsearch");
    command.args(["-x", "-LLL", "-H", &format!("ldap://{}", samba.plain()), "-D", SERVICE, "-w", SERVICE_PASSWORD]);
    let output = command.args(["-s", "base", "-b", DAN, "primaryGroupID"]).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("LDIF is text");
    let line = text.lines().find_map(|line| line.strip_prefix("primaryGroupID: "));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn primary(group: &str) -> String {
    format!("dn: {DAN}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: {group}\n")
}

/// Another group becomes his primary one, and he a member of this one as others are; and back again. Each
/// time after the one was read and before the other is.
#[test]
fn somebody_whose_primary_group_changes_stays() {
    let Some(samba) = Samba::start().map(Arc::new) else { return };
    let own = primary_of_dan(&samba);
    let proxy = Proxy::start(samba.plain());
    for from in ["group = \"GRC-Primary\"", "match = \"^Primary holders$\""] {
        let mapping = format!("[[mapping]]\nsource = \"ad\"\n{from}\nto = \"Risk\"\n");
        let world = organisation("Risk", &["dan", "fay"]);
        let bench = with(&samba, world, &proxy.url(), "skip_unchanged = false", &mapping);
        for group in ["513", &own] {
            proxy.rules(Rules::default());
            bench.in_step();
            let by_name = from.starts_with("group");
            let late = move |seen: &Seen| match by_name {
                // The group was read.
                true => seen.scope == 2 && seen.base.starts_with("OU=People,"),
                // People are read meanwhile.
                false if seen.scope == 2 && seen.base.starts_with("OU=Groups,") => {
                    std::thread::sleep(Duration::from_millis(500));
                    true
                }
                false => false,
            };
            let (samba, met, ldif) = (Arc::clone(&samba), AtomicUsize::new(0), primary(group));
            let each = Each::new(move |seen| {
                if late(seen) && met.fetch_add(1, Ordering::SeqCst) == 0 {
                    samba.modify(&ldif);
                }
            });
            proxy.rules(Rules { each, ..Rules::default() });
            let ran = bench.run(&["apply"]).exits(0);
            assert_eq!(bench.members("Risk"), ["dan", "fay"], "{from} {group}: {}", ran.stdout);
        }
    }
}
