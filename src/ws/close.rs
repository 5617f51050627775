//! Close frame payload: status code and reason (RFC 6455 §5.5.1, §7.4).

use serde::{Deserialize, Serialize};

use crate::anomaly::{Anomaly, Code, Detail};

/// What a Close frame says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Close {
    /// Status code; `None` of an empty or one-byte payload (a browser reports 1005).
    pub code: Option<u16>,
    /// Reason, with U+FFFD for what is not UTF-8.
    pub reason: Box<str>,
}

impl Close {
    /// Reads an unmasked payload, and judges it; `cut`: more of it was sent than is here.
    pub fn parse(payload: &[u8], cut: bool, anomalies: &mut Vec<Anomaly>) -> Self {
        let Some((code, reason)) = payload.split_first_chunk() else {
            if payload.len() == 1 {
                anomalies.push(Code::CloseLength.into());
            }
            return Self::default();
        };
        let code = u16::from_be_bytes(*code);
        if !is_valid(code) {
            anomalies.push(Anomaly::new(Code::CloseCode, Detail::Number("status code".into(), code.into())));
        }
        if let Err(error) = str::from_utf8(reason)
            && (error.error_len().is_some() || !cut)
        {
            let at = error.valid_up_to() as u64;
            anomalies.push(Anomaly::new(Code::Utf8Reason, Detail::Number("at byte".into(), at)));
        }
        Self { code: Some(code), reason: String::from_utf8_lossy(reason).into() }
    }

    /// Name of the status code in the IANA registry; empty where there is none.
    pub fn name(&self) -> &'static str {
        match self.code {
            Some(1000) => "Normal Closure",
            Some(1001) => "Going Away",
            Some(1002) => "Protocol error",
            Some(1003) => "Unsupported Data",
            Some(1005) | None => "No Status Rcvd",
            Some(1006) => "Abnormal Closure",
            Some(1007) => "Invalid frame payload data",
            Some(1008) => "Policy Violation",
            Some(1009) => "Message Too Big",
            Some(1010) => "Mandatory Ext.",
            Some(1011) => "Internal Error",
            Some(1012) => "Service Restart",
            Some(1013) => "Try Again Later",
            Some(1014) => "Bad Gateway",
            Some(1015) => "TLS handshake",
            Some(3000) => "Unauthorized",
            Some(3003) => "Forbidden",
            Some(3008) => "Timeout",
            Some(_) => "",
        }
    }
}

/// Whether a status code may stand in a Close frame (§7.4.1, §7.4.2 and the IANA registry).
fn is_valid(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &[u8]) -> (Option<u16>, Box<str>, Vec<Code>) {
        let mut anomalies = Vec::new();
        let close = Close::parse(payload, false, &mut anomalies);
        (close.code, close.reason, anomalies.into_iter().map(|anomaly| anomaly.code).collect())
    }

    #[test]
    fn code_and_reason() {
        assert_eq!(parse(b"\x03\xe8bye"), (Some(1000), "bye".into(), vec![]));
        assert_eq!(parse(b""), (None, "".into(), vec![]));
        assert_eq!(parse(b"\x03"), (None, "".into(), vec![Code::CloseLength]));
        assert_eq!(parse(b"\x03\xe8\xff"), (Some(1000), "\u{fffd}".into(), vec![Code::Utf8Reason]));
    }

    #[test]
    fn codes_that_must_not_stand_on_the_wire() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert!(!is_valid(code), "{code}");
        }
        for code in [1000, 1003, 1007, 1014, 3000, 4999] {
            assert!(is_valid(code), "{code}");
        }
    }
}
