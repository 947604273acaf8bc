//! Active Directory as a source, against a Samba domain controller.

use crate::support::samba::Samba;

#[test]
fn bed() {
    let started = std::time::Instant::now();
    let Some(samba) = Samba::start() else { return };
    let o = std::process::Command::new("ldapsearch").args(["-x", "-LLL", "-H", &samba.url(), "-D", crate::support::samba::SERVICE, "-w", crate::support::samba::SERVICE_PASSWORD, "-b", "OU=People,DC=corp,DC=example", "(cn=dan)"]).env("LDAPTLS_CACERT", samba.ca_file()).output().unwrap();
    eprintln!("{:?} {} {}", started.elapsed(), String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr));
    samba.add_members("GRC-Big", &[crate::support::samba::crowd(1500)]);
    eprintln!("{:?}", started.elapsed());
}
