//! Sec-WebSocket-Extensions: what was offered, what was agreed, and whether the one answers the other
//! (RFC 6455 §9.1, RFC 7692 §7.1).

use crate::anomaly::{Anomaly, Code, Detail};
use crate::duplex::{Direction, Duplex};
use crate::http::headers::{split_list, split_unquoted};
use crate::ws::frame::RSV1;

/// What the agreed extensions mean for the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    /// permessage-deflate, and its parameters for each direction.
    pub deflate: Option<Duplex<Deflate>>,
    /// An extension that wscope does not know, or may not know: the reserved bits may have a meaning.
    pub foreign: bool,
    /// It was not captured: messages may be compressed, and `deflate` is what is assumed of those that are.
    pub unknown: bool,
}

impl Agreement {
    /// What there may be on a connection whose handshake was not captured.
    pub const UNSEEN: Self = Self { deflate: Some(Deflate::ASSUMED), foreign: true, unknown: true };

    /// The reserved bits that frames are expected to have set, where it is not known what are frames.
    pub fn expected_rsv(self) -> u8 {
        match self {
            Self { foreign: true, unknown: false, .. } => 7,
            Self { deflate: Some(_), .. } => RSV1,
            Self { .. } => 0,
        }
    }
}

/// permessage-deflate in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// Base-2 logarithm of the LZ77 window, 8-15.
    pub window_bits: u8,
    /// Whether a message may refer to earlier ones.
    pub context_takeover: bool,
}

impl Deflate {
    /// For both directions, where it is not known: whoever agreed less sends nothing that this cannot read.
    const ASSUMED: Duplex<Self> = {
        let widest = Self { window_bits: 15, context_takeover: true };
        Duplex { to_server: widest, to_client: widest }
    };
}

const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

/// An element of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extension<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Extension<'a> {
    fn parse(element: &'a str) -> Self {
        let mut parts = split_unquoted(element, ';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let parameter = |part: &'a str| match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        };
        Self { name, parameters: parts.map(parameter).collect() }
    }

    fn is_deflate(&self) -> bool {
        self.name.eq_ignore_ascii_case(PERMESSAGE_DEFLATE)
    }
}

/// Parameters of permessage-deflate (RFC 7692 §7.1): as offered, or as agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// `Some(None)`: named without a value, which only an offer may do.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// Reads the parameters; with them the first one that is not valid.
    fn read<'a>(extension: &Extension<'a>) -> (Self, Option<&'a str>) {
        let mut read = Self::default();
        let mut invalid = None;
        for &(name, value) in &extension.parameters {
            let bits = value.and_then(window_bits);
            let valid = match (name, value) {
                ("server_no_context_takeover", None) => !std::mem::replace(&mut read.server_no_context_takeover, true),
                ("client_no_context_takeover", None) => !std::mem::replace(&mut read.client_no_context_takeover, true),
                ("server_max_window_bits", Some(_)) if bits.is_some() => {
                    std::mem::replace(&mut read.server_max_window_bits, bits).is_none()
                }
                ("client_max_window_bits", None) => read.client_max_window_bits.replace(None).is_none(),
                ("client_max_window_bits", Some(_)) if bits.is_some() => {
                    read.client_max_window_bits.replace(bits).is_none()
                }
                _ => false,
            };
            if !valid {
                invalid.get_or_insert(name);
            }
        }
        (read, invalid)
    }

    /// The first parameter of an answer that this offer does not allow or that it lacks (§7.1.1, §7.1.2).
    fn unanswered_by(&self, answer: &Self) -> Option<&'static str> {
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return Some("server_no_context_takeover");
        }
        if let Some(asked) = self.server_max_window_bits
            && answer.server_max_window_bits.is_none_or(|agreed| agreed > asked)
        {
            return Some("server_max_window_bits");
        }
        let allowed = match (self.client_max_window_bits, answer.client_max_window_bits) {
            (_, None) | (Some(None), Some(Some(_))) => true,
            (Some(Some(asked)), Some(Some(agreed))) => agreed <= asked,
            (None, Some(_)) | (_, Some(None)) => false,
        };
        (!allowed).then_some("client_max_window_bits")
    }

    fn agreed(&self) -> Duplex<Deflate> {
        Duplex {
            to_server: Deflate {
                window_bits: self.client_max_window_bits.flatten().unwrap_or(15),
                context_takeover: !self.client_no_context_takeover,
            },
            to_client: Deflate {
                window_bits: self.server_max_window_bits.unwrap_or(15),
                context_takeover: !self.server_no_context_takeover,
            },
        }
    }
}

/// What may have been agreed of these offers, where the answer was not captured.
pub fn perhaps(offered: Option<&str>) -> Agreement {
    let foreign = extensions(offered).any(|extension| !extension.is_deflate());
    let deflate = extensions(offered).any(|extension| extension.is_deflate());
    Agreement { deflate: deflate.then_some(Deflate::ASSUMED), foreign, unknown: deflate }
}

/// Reads what was agreed, and judges it as an answer to what was offered; `None` for an offer that is not known.
pub fn agree(offered: Option<Option<&str>>, agreed: Option<&str>, anomalies: &mut Vec<Anomaly>) -> Agreement {
    let mut agreement = Agreement::default();
    let offers: Vec<_> = extensions(offered.flatten()).collect();
    for extension in extensions(agreed) {
        let unoffered = !offers.iter().any(|offer| offer.name.eq_ignore_ascii_case(extension.name));
        if offered.is_some() && unoffered {
            let found = Detail::Found(extension.name.into());
            anomalies.push(Anomaly::new(Code::HandshakeExtensionUnoffered, found).by(Direction::ToClient));
        }
        if !extension.is_deflate() {
            agreement.foreign = true;
            continue;
        }
        let (answer, mut invalid) = Parameters::read(&extension);
        if answer.client_max_window_bits == Some(None) || agreement.deflate.is_some() {
            invalid = invalid.or(Some(PERMESSAGE_DEFLATE));
        }
        let mut open = offers.iter().filter(|offer| offer.is_deflate()).map(|offer| {
            let (offer, invalid) = Parameters::read(offer);
            invalid.or_else(|| offer.unanswered_by(&answer))
        });
        // Several offers are alternatives: the answer has to suit one.
        let first = open.next().flatten();
        let unanswered = if first.is_none() || open.any(|other| other.is_none()) { None } else { first };
        if let Some(parameter) = invalid.or(unanswered) {
            let found = Detail::Found(parameter.into());
            anomalies.push(Anomaly::new(Code::HandshakeExtensionParameters, found).by(Direction::ToClient));
        }
        agreement.deflate.get_or_insert(answer.agreed());
    }
    agreement
}

fn extensions(header: Option<&str>) -> impl Iterator<Item = Extension<'_>> {
    header.into_iter().flat_map(split_list).map(Extension::parse).filter(|extension| !extension.name.is_empty())
}

/// A window size: 8-15, decimal, without leading zero (RFC 7692 §7.1.2.1).
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    (!value.starts_with(['0', '+'])).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(offered: &str, agreed: &str) -> (Option<Duplex<Deflate>>, Vec<Code>) {
        let mut anomalies = Vec::new();
        let agreement = agree(Some(Some(offered)), Some(agreed), &mut anomalies);
        (agreement.deflate, anomalies.into_iter().map(|anomaly| anomaly.code).collect())
    }

    #[test]
    fn lawful_answers_pass_in_silence() {
        for (offered, agreed) in [
            ("permessage-deflate", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=9"),
            ("permessage-deflate; client_max_window_bits=12", "permessage-deflate; client_max_window_bits=\"12\""),
            ("permessage-deflate", "permessage-deflate; server_max_window_bits=8"),
            ("permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate;server_max_window_bits=10"),
            ("permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate"),
            ("Permessage-Deflate", "permessage-deflate"),
        ] {
            assert_eq!(judge(offered, agreed).1, [], "{offered} -> {agreed}");
        }
    }

    #[test]
    fn answers_that_do_not_suit_the_offer() {
        for (offered, agreed) in [
            ("permessage-deflate", "permessage-deflate; client_max_window_bits=9"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits"),
            ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=10"),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=11"),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate"),
            ("permessage-deflate; server_no_context_takeover", "permessage-deflate"),
            ("permessage-deflate", "permessage-deflate; server_max_window_bits=7"),
            ("permessage-deflate", "permessage-deflate; server_max_window_bits=016"),
            ("permessage-deflate", "permessage-deflate; server_max_window_bits=09"),
            ("permessage-deflate", "permessage-deflate; server_max_window_bits"),
            ("permessage-deflate", "permessage-deflate; server_no_context_takeover=1"),
            ("permessage-deflate", "permessage-deflate; unheard_of"),
            ("permessage-deflate", "permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
            ("permessage-deflate", "permessage-deflate, permessage-deflate"),
        ] {
            assert_eq!(judge(offered, agreed).1, [Code::HandshakeExtensionParameters], "{offered} -> {agreed}");
        }
    }

    #[test]
    fn extensions_that_were_not_offered() {
        assert_eq!(judge("", "permessage-deflate").1, [Code::HandshakeExtensionUnoffered]);
        assert_eq!(judge("permessage-deflate", "x-custom").1, [Code::HandshakeExtensionUnoffered]);
    }

    #[test]
    fn each_direction_has_its_parameters() {
        let (deflate, _) = judge(
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=9; server_no_context_takeover",
        );
        let deflate = deflate.expect("agreed");
        assert_eq!(deflate.to_server, Deflate { window_bits: 9, context_takeover: true });
        assert_eq!(deflate.to_client, Deflate { window_bits: 15, context_takeover: false });
    }
}
