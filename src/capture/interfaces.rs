//! What can be captured here, and what permission is missing for it.

use std::fmt::Write as _;

use pcap::{Capture, Device};

use super::error::Error;
use super::filter::{link_type, reason};

/// An interface that libpcap knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, for `-i`.
    pub name: String,
    /// What the system says it is.
    pub description: Option<String>,
    /// `up`, `loopback`, `wireless`: those that it is.
    pub flags: Vec<&'static str>,
    /// Its addresses, as text.
    pub addresses: Vec<String>,
    /// libpcap's name of its link-layer header type; the reason where it could not be asked for.
    pub link: Result<String, String>,
}

/// All interfaces.
///
/// # Errors
/// When the system does not tell.
pub fn interfaces() -> Result<Vec<Interface>, Error> {
    let devices = Device::list().map_err(|error| Error::interface("interfaces", reason(error)))?;
    Ok(devices.into_iter().map(Interface::from).collect())
}

/// What to do where the right to capture is missing; `None` where it is not.
pub fn missing_permission(interface: &str) -> Option<String> {
    if may_capture() {
        return None;
    }
    let pipe = format!("sudo tcpdump -i {interface} -U -w - | wscope -");
    if cfg!(target_os = "linux") {
        let binary = std::env::current_exe().map_or_else(|_| "wscope".to_owned(), |path| path.display().to_string());
        Some(format!("run 'sudo setcap cap_net_raw,cap_net_admin+ep {binary}' once, or '{pipe}'"))
    } else {
        Some(format!("run it with sudo, or '{pipe}'"))
    }
}

/// The interfaces as text, a line each.
pub fn list(interfaces: &[Interface]) -> String {
    let mut text = String::new();
    let width = interfaces.iter().map(|interface| interface.name.len()).max().unwrap_or(0);
    for Interface { name, description, flags, addresses, link } in interfaces {
        let link = link.as_deref().unwrap_or("-");
        write!(text, "{name:width$}  {:14}  {link:14}  {}", flags.join(","), addresses.join(", "))
            .expect("a String takes all");
        if let Some(description) = description {
            write!(text, "  ({description})").expect("a String takes all");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

impl From<Device> for Interface {
    fn from(device: Device) -> Self {
        let flags = &device.flags;
        let flags = [("up", flags.is_up()), ("loopback", flags.is_loopback()), ("wireless", flags.is_wireless())];
        Self {
            flags: flags.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect(),
            addresses: device.addresses.iter().map(|address| address.addr.to_string()).collect(),
            link: link(&device.name),
            name: device.name,
            description: device.desc,
        }
    }
}

/// The link type, which only an open capture tells.
fn link(name: &str) -> Result<String, String> {
    let capture = Capture::from_device(name).and_then(Capture::open).map_err(reason)?;
    let link = capture.get_datalink();
    Ok(link.get_name().unwrap_or_else(|_| link_type(link).0.to_string()))
}

#[cfg(target_os = "linux")]
fn may_capture() -> bool {
    caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_NET_RAW).is_ok_and(|may| may)
}

#[cfg(not(target_os = "linux"))]
fn may_capture() -> bool {
    nix::unistd::geteuid().is_root()
}
