//! What the tests stand on.

pub mod applied;
pub mod bench;
pub mod ber;
pub mod ca;
pub mod doc;
pub mod ds389;
pub mod ldap_proxy;
pub mod random;
pub mod receiver;
pub mod samba;
pub mod servers;
pub mod service;
pub mod slapd;
pub mod small;
pub mod smtp;
pub mod tls_front;
