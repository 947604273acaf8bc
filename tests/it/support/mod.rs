//! What the tests stand on.

pub mod bench;
pub mod ber;
pub mod ldap_proxy;
pub mod servers;
