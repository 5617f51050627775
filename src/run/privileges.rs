//! From whoever started us to nobody in particular: what an open capture no longer needs is given up before a packet is looked at.
//!
//! Root becomes another user; capabilities go, and nothing can bring them back; on Linux a Landlock sandbox leaves no file
//! but those that are open already, and what [`Needs`] names.

use std::io;
use std::path::PathBuf;

use nix::unistd::{Gid, Uid, User};

/// Whom root becomes where nobody is asked for.
const NOBODY: &str = "nobody";
/// The number that nobody has wherever the name is unknown.
const NOBODY_ID: u32 = 65534;

/// What is still needed behind the open capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Folders in which files are made, written and removed.
    pub folders: Vec<PathBuf>,
    /// Folders in which files are read that are not there yet.
    pub awaited: Vec<PathBuf>,
    /// Interfaces whose drop counters are read.
    pub interfaces: Vec<String>,
}

/// Who the process is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user root became; absent where it was not root.
    pub user: Option<String>,
    /// Whether a sandbox holds: wholly, as far as this kernel can, or not.
    pub sandbox: Sandbox,
}

/// How much of a sandbox there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Nobody wanted it.
    Off,
    /// The system has none.
    Missing,
    /// As far as this kernel knows Landlock.
    Partial,
    /// All that is asked for.
    Full,
}

/// Why privileges could not be given up. Nothing may be parsed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user to become is not known.
    #[error("no such user: {0}")]
    Unknown(String),
    /// A user was named, but only root can become another one.
    #[error("only root can become user {0}")]
    NotRoot(String),
    /// The system refused a step.
    #[error("cannot give up {what}: {source}")]
    Refused {
        /// The step.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Gives up all privileges, for good. To be called while there is one thread alone: some of them belong to threads.
///
/// Root becomes `user`, else whoever called `sudo`, else `nobody`.
///
/// # Errors
/// When anything remains that should be given up.
pub fn give_up(user: Option<&str>, needs: &Needs, sandboxed: bool) -> Result<Identity, Error> {
    let user = target(user)?;
    linux::forbid_capabilities()?;
    if let Some(user) = &user {
        become_user(user).map_err(|errno| refused("root", errno.into()))?;
    }
    linux::drop_capabilities()?;
    let sandbox = if sandboxed { linux::sandbox(needs)? } else { Sandbox::Off };
    Ok(Identity { user: user.map(|user| user.name), sandbox })
}

struct Target {
    name: String,
    uid: Uid,
    gid: Gid,
}

/// Whom to become; `None` where we are nobody who could.
fn target(user: Option<&str>) -> Result<Option<Target>, Error> {
    let known = |user: User| Target { name: user.name, uid: user.uid, gid: user.gid };
    if !Uid::effective().is_root() {
        return user.map_or(Ok(None), |name| Err(Error::NotRoot(name.to_owned())));
    }
    if let Some(name) = user {
        let user = User::from_name(name).ok().flatten().ok_or_else(|| Error::Unknown(name.to_owned()))?;
        return Ok(Some(known(user)));
    }
    let caller = ["SUDO_UID", "SUDO_GID"].map(|name| std::env::var(name).ok()?.parse().ok());
    if let [Some(uid @ 1..), Some(gid)] = caller {
        let uid = Uid::from_raw(uid);
        let name = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        return Ok(Some(Target { name, uid, gid: Gid::from_raw(gid) }));
    }
    let nobody = User::from_name(NOBODY).ok().flatten().map(known);
    let (uid, gid) = (Uid::from_raw(NOBODY_ID), Gid::from_raw(NOBODY_ID));
    Ok(Some(nobody.unwrap_or(Target { name: NOBODY.to_owned(), uid, gid })))
}

/// Groups first: afterwards there is no right to change them.
fn become_user(user: &Target) -> nix::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    nix::unistd::setgroups(&[user.gid])?;
    nix::unistd::setgid(user.gid)?;
    nix::unistd::setuid(user.uid)
}

fn refused(what: &'static str, source: io::Error) -> Error {
    Error::Refused { what, source }
}

#[cfg(target_os = "linux")]
mod linux {
    //! Capabilities (capabilities(7)) and the sandbox (landlock(7)).

    use caps::{CapSet, Capability};
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
        RulesetStatus, Scope, path_beneath_rules,
    };

    use super::{Error, Needs, Sandbox, io, refused};

    /// The newest that is asked for; older kernels give what they have.
    const LANDLOCK: ABI = ABI::V6;

    /// Nothing that is executed later can have any, where we may forbid it.
    pub(super) fn forbid_capabilities() -> Result<(), Error> {
        if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).is_ok_and(|may| may) {
            for capability in caps::runtime::thread_all_supported() {
                caps::drop(None, CapSet::Bounding, capability).map_err(capabilities)?;
            }
        }
        Ok(())
    }

    pub(super) fn drop_capabilities() -> Result<(), Error> {
        for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
            caps::clear(None, set).map_err(capabilities)?;
        }
        nix::sys::prctl::set_no_new_privs().map_err(|errno| refused("new privileges", errno.into()))
    }

    pub(super) fn sandbox(needs: &Needs) -> Result<Sandbox, Error> {
        let statistics = needs.interfaces.iter().map(|name| format!("/sys/class/net/{name}/statistics"));
        let folders = AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::WriteFile | AccessFs::Truncate;
        let restricted = || {
            Ruleset::default()
                .handle_access(AccessFs::from_all(LANDLOCK))?
                .handle_access(AccessNet::from_all(LANDLOCK))?
                .scope(Scope::from_all(LANDLOCK))?
                .create()?
                .add_rules(path_beneath_rules(&needs.folders, folders))?
                .add_rules(path_beneath_rules(&needs.awaited, BitFlags::from(AccessFs::ReadFile)))?
                .add_rules(path_beneath_rules(statistics, BitFlags::from(AccessFs::ReadFile)))?
                .restrict_self()
        };
        let status = restricted().map_err(|error| refused("the file system", io::Error::other(error)))?;
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Sandbox::Full,
            RulesetStatus::PartiallyEnforced => Sandbox::Partial,
            RulesetStatus::NotEnforced => Sandbox::Missing,
        })
    }

    fn capabilities(error: caps::errors::CapsError) -> Error {
        refused("capabilities", io::Error::other(error))
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    //! Systems without capabilities and without Landlock.

    use super::{Error, Needs, Sandbox};

    pub(super) fn forbid_capabilities() -> Result<(), Error> {
        Ok(())
    }

    pub(super) fn drop_capabilities() -> Result<(), Error> {
        Ok(())
    }

    pub(super) fn sandbox(_needs: &Needs) -> Result<Sandbox, Error> {
        Ok(Sandbox::Missing)
    }
}
