//! Community ID v1: the flow identifier that Zeek, Suricata and others share.
//!
//! Base64 of the SHA-1 over seed, ordered endpoints and protocol, as specified by corelight/community-id-spec.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::net::segment::Endpoint;

const TCP: u8 = 6;

/// The identifier of a TCP flow, with the default seed 0.
pub fn id(a: Endpoint, b: Endpoint) -> String {
    let (low, high) = if (a.ip, a.port) <= (b.ip, b.port) { (a, b) } else { (b, a) };
    let mut hash = Sha1::new();
    hash.update(0u16.to_be_bytes());
    for endpoint in [low, high] {
        match endpoint.ip {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
    }
    hash.update([TCP, 0]);
    hash.update(low.port.to_be_bytes());
    hash.update(high.port.to_be_bytes());
    let mut id = "1:".to_owned();
    STANDARD.encode_string(hash.finalize(), &mut id);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_of_the_specification() {
        let a = Endpoint { ip: [128, 232, 110, 120].into(), port: 34855 };
        let b = Endpoint { ip: [66, 35, 250, 204].into(), port: 80 };
        assert_eq!(id(a, b), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(id(b, a), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    }
}
