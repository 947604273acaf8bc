//! What the tests stand on.

pub mod bench;
pub mod ber;
pub mod ca;
pub mod ldap_proxy;
pub mod samba;
pub mod servers;
pub mod slapd;
