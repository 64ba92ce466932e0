//! Which addresses events may be sent to: public ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses that are not public.
type Block<Octets> = (Octets, u32, &'static str);

/// The IPv4 blocks that are not globally reachable (IANA IPv4 Special-Purpose Address Registry), and multicast.
const V4: &[Block<[u8; 4]>] = &[
    ([0, 0, 0, 0], 8, "an address of this host"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "a shared address of a provider"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    ([169, 254, 0, 0], 16, LINK_LOCAL),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "a reserved address"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "a reserved address"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address for benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// What is said of a link-local address. A cloud's credentials are behind one, `169.254.169.254` (Amazon EC2 User Guide,
/// "Instance metadata").
pub const LINK_LOCAL: &str = "a link-local address";

/// The IPv6 blocks within `2000::/3` that are not globally reachable (IANA IPv6 Special-Purpose Address Registry).
const V6: &[Block<[u16; 8]>] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "a reserved address"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "an address for documentation"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "an address for documentation"),
];

/// Why an address is not public; `None` if it is. An IPv6 address that leads to an IPv4 address is judged as that one.
pub fn refused_address(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refused_v4(address),
        IpAddr::V6(address) => refused_v6(address),
    }
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    let within =
        |(block, bits, _): &&Block<[u8; 4]>| (u32::from_be_bytes(*block) ^ u32::from(address)).leading_zeros() >= *bits;
    V4.iter().find(within).map(|(.., what)| *what)
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an address of this host"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // IPv4-mapped, IPv4-compatible, NAT64 and 6to4 addresses lead to an IPv4 address.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            refused_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        [first, ..] if first & 0xfe00 == 0xfc00 => Some("a unique local address"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some(LINK_LOCAL),
        [first, ..] if first & 0xff00 == 0xff00 => Some("a multicast address"),
        [first, ..] if first & 0xe000 != 0x2000 => Some("a reserved address"),
        segments => {
            let bits = Ipv6Addr::from(segments).to_bits();
            let within = |(block, length, _): &&Block<[u16; 8]>| {
                (Ipv6Addr::from(*block).to_bits() ^ bits).leading_zeros() >= *length
            };
            V6.iter().find(within).map(|(.., what)| *what)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<&'static str> {
        refused_address(text.parse().expect("an address"))
    }

    #[test]
    fn addresses_that_lead_into_a_private_network_are_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.9.9",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.1.2.3",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(refused(address).is_some(), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_not_refused_up_to_the_edges_of_the_blocks() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::",
            "2001:200::1",
        ] {
            assert_eq!(refused(address), None, "{address}");
        }
    }
}
