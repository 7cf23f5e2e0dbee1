//! Which addresses are connected to: as `kandil.http.addresses` has it, which names its sources.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why nothing is sent to this address; `plain`: without TLS, and so to this machine alone.
pub(super) fn refusal(address: IpAddr, plain: bool) -> Option<&'static str> {
    match zone(address) {
        Zone::Never => Some("nothing is sent to link-local, metadata, multicast or reserved addresses"),
        Zone::Elsewhere if plain => Some("http:// is for servers on this machine alone"),
        _ => None,
    }
}

/// Whether clouds answer to the name with their machines' credentials.
pub(super) fn is_metadata_name(host: &str) -> bool {
    matches!(
        host,
        "metadata" | "metadata.google.internal" | "metadata.goog" | "instance-data" | "instance-data.ec2.internal"
    )
}

/// How far inside an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// Anywhere else.
    Elsewhere,
    /// This machine.
    Loopback,
    /// Nothing is sent there.
    Never,
}

pub(super) fn zone(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(address) => zone_4(address),
        IpAddr::V6(address) => zone_6(address),
    }
}

fn zone_4(address: Ipv4Addr) -> Zone {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        (100, 100, 100, 200) | (168, 63, 129, 16) | (192, 0, 0, 192) => Zone::Never, // Alibaba, Azure, Oracle
        (0 | 224..=255, ..) | (169, 254, ..) | (192, 88, 99, _) => Zone::Never,
        (127, ..) => Zone::Loopback,
        _ => Zone::Elsewhere,
    }
}

fn zone_6(address: Ipv6Addr) -> Zone {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| match zone_4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))) {
        Zone::Loopback => Zone::Never, // in another notation
        zone => zone,
    };
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 1] => Zone::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Zone::Never,
        // AWS, Google, Oracle, Scaleway
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Zone::Never,
        [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe] | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] => Zone::Never,
        [0x100, 0, 0, 0, ..] | [0xfe80..=0xfeff, ..] | [0xff00..=0xffff, ..] => Zone::Never,
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => Zone::Never, // NAT64 of the network's own choice, Teredo
        [0, 0, 0, 0, 0 | 0xffff, 0 | 0xffff, high, low] => embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low), // NAT64, 6to4
        _ => Zone::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_connected_to() {
        for never in [
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::ffff:127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "64:ff9b:1::1",
            "2001::1",
            "::ffff:0:7f00:1",
            "::7f00:1",
            "fec0::1",
            "100::1",
        ] {
            assert_eq!(zone(never.parse().unwrap()), Zone::Never, "{never}");
        }
    }

    #[test]
    fn what_is_connected_to() {
        for (address, expected) in [
            ("127.0.0.1", Zone::Loopback),
            ("127.9.9.9", Zone::Loopback),
            ("::1", Zone::Loopback),
            ("8.8.8.8", Zone::Elsewhere),
            ("192.168.1.2", Zone::Elsewhere),
            ("2606:4700::1111", Zone::Elsewhere),
            ("fd12::1", Zone::Elsewhere),
            ("::ffff:8.8.8.8", Zone::Elsewhere),
        ] {
            assert_eq!(zone(address.parse().unwrap()), expected, "{address}");
        }
        assert!(refusal("127.0.0.1".parse().unwrap(), true).is_none());
        assert!(refusal("8.8.8.8".parse().unwrap(), true).is_some());
    }
}
