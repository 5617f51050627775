//! From the name of an interface to an open capture on it.
//!
//! libpcap's memory-mapped ring is used with a short block timeout rather than in immediate mode: there each packet takes
//! a slot of the largest possible length (64 KiB on loopback), so that a ring of 64 MiB holds a thousand packets; here they
//! lie close together, and come at most [`BLOCK_TIMEOUT`] late.

use std::time::Duration;

use pcap::{Active, Capture, Precision};

use crate::input::LinkType;
use crate::origin::Timestamp;

use super::error::Error;
use super::filter::{link_type, reason};
use super::interfaces::missing_permission;

/// How live packets are captured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Expression of pcap-filter(7), run by the kernel.
    pub filter: Option<String>,
    /// Bytes kept of each packet, from 1.
    pub snap_len: u32,
    /// Whether packets that are meant for others are asked for too.
    pub promiscuous: bool,
    /// Bytes of the kernel's buffer, for each interface.
    pub buffer: u32,
}

/// What the kernel gathered is handed over after so long at the latest.
pub(super) const BLOCK_TIMEOUT: Duration = Duration::from_millis(10);

/// The pseudo-device of Linux that stands for all interfaces. It has no promiscuous mode.
const ANY: &str = "any";

/// Captures say nanoseconds where libpcap can always give them, and microseconds elsewhere: it does not tell which it does.
const PRECISION: Precision = if cfg!(target_os = "linux") { Precision::Nano } else { Precision::Micro };

/// An interface that is captured from.
pub(super) struct Device {
    pub(super) name: String,
    pub(super) link: LinkType,
    pub(super) capture: Capture<Active>,
}

impl Device {
    /// Opens `name`, without waiting for packets.
    pub(super) fn open(name: &str, options: &Options) -> Result<Self, Error> {
        let promiscuous = options.promiscuous && name != ANY;
        // Also a warning of libpcap comes as an error, of which there is one: it has no promiscuous mode.
        let opened = match activate(name, options, promiscuous) {
            Err(_) if promiscuous => activate(name, options, false),
            opened => opened,
        };
        let mut capture = opened.map_err(|error| {
            let advice = missing_permission(name).map(|advice| format!("no permission to capture: {advice}"));
            Error::interface(name, advice.unwrap_or_else(|| reason(error)))
        })?;
        if let Some(expression) = &options.filter {
            capture.filter(expression, true).map_err(|error| Error::Filter {
                expression: expression.clone(),
                link: None,
                reason: reason(error),
            })?;
        }
        let link = link_type(capture.get_datalink());
        Ok(Self { name: name.to_owned(), link, capture })
    }

    /// A time as libpcap gives it: `tv_usec` counts in the precision that was asked for. Both are of 64 bits on some
    /// systems, of 32 on others.
    pub(super) fn time(seconds: impl Into<i64>, fraction: impl Into<i64>) -> Timestamp {
        let unit = if matches!(PRECISION, Precision::Nano) { 1 } else { 1000 };
        let seconds = seconds.into().saturating_mul(1_000_000_000);
        Timestamp(seconds.saturating_add(fraction.into().saturating_mul(unit)))
    }
}

fn activate(name: &str, options: &Options, promiscuous: bool) -> Result<Capture<Active>, pcap::Error> {
    let saturated = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    Capture::from_device(name)?
        .promisc(promiscuous)
        .snaplen(saturated(options.snap_len))
        .buffer_size(saturated(options.buffer))
        .timeout(BLOCK_TIMEOUT.as_millis() as i32)
        .precision(PRECISION)
        .open()?
        .setnonblock()
}
