//! What a packet travels in, VLANs and tunnels, folded to what tells its flows from those of other places.
//!
//! Only what is the same for both ways of a connection can tell flows apart. VNI, GRE key and PPPoE session are; MPLS labels,
//! GTP-U endpoint identifiers and PPTP call identifiers are chosen by the receiver, each way its own, and do not count.

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use foldhash::quality::FixedState;

use crate::net::Skip;
use crate::net::segment::Context;

/// So many headers that carry other packets are followed. Real stacks have three or four; a made one could have
/// thousands.
const MAX_DEPTH: u8 = 8;

/// What encloses a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Enclosure {
    context: Context,
    depth: u8,
    cooked: bool,
}

/// A tunnel, by what both ways of it have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tunnel {
    /// VXLAN, GENEVE and NVGRE: a virtual network, in which addresses are unique whoever carries its frames.
    Network(u32),
    /// GRE, with its key: between two routers.
    Gre([IpAddr; 2], Option<u32>),
    /// IP in IP, EtherIP, GTP-U and the like: between two hosts.
    Hosts([IpAddr; 2]),
    /// PPPoE: a session.
    Pppoe(u16),
}

impl Enclosure {
    /// That of a cooked capture, in which nothing makes a context.
    ///
    /// It takes one packet from several interfaces of a host: from `eth0` with its tag or in its tunnel, and from
    /// `eth0.100` or `tun0` without. Those are copies of one segment, so they must be of one flow, where the second is a
    /// retransmission; told apart, each connection would be reported twice. The tag is no sure mark there anyway: libpcap
    /// puts what the card took off back into SLL, not into SLL2. A host's own addresses and ports rarely repeat between
    /// its networks; where they do in what it forwards, only a capture of whole frames (Ethernet) keeps the flows apart.
    pub(super) const COOKED: Self = Self { context: Context(0), depth: 0, cooked: true };

    /// This with one more VLAN tag inside it, given as its tag control information (IEEE 802.1Q §9.6).
    pub(super) fn tagged(self, control: u16) -> Self {
        if self.cooked { self } else { Self { context: self.context.tagged(control), ..self } }
    }

    /// This with a tunnel inside it.
    pub(super) fn within(self, tunnel: Tunnel) -> Result<Self, Skip> {
        let deeper = self.deeper()?;
        if self.cooked {
            return Ok(deeper);
        }
        // A fixed seed: the same capture always gives the same contexts.
        let context = Context(FixedState::default().hash_one((self.context.0, tunnel)));
        Ok(Self { context, ..deeper })
    }

    /// This with one more header that carries packets inside it.
    pub(super) fn deeper(self) -> Result<Self, Skip> {
        if self.depth == MAX_DEPTH { Err(Skip::NotTcp) } else { Ok(Self { depth: self.depth + 1, ..self }) }
    }

    /// What tells the flows in it from those elsewhere.
    pub(super) fn context(self) -> Context {
        self.context
    }
}

impl Tunnel {
    /// The two ends of a tunnel, in the same order for both ways.
    pub(super) fn ends(a: IpAddr, b: IpAddr) -> [IpAddr; 2] {
        if a <= b { [a, b] } else { [b, a] }
    }
}
