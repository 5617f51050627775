//! Who the process is while it parses, and what it can still do.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::peers::Peers;
use crate::sniffer::{Sniffer, left_out, wscope};

/// What `nobody` is on every Linux.
const NOBODY: &str = "65534";

#[test]
fn it_is_unprivileged_while_it_parses() {
    if left_out("it_is_unprivileged_while_it_parses") {
        return;
    }
    for (sudo, user, expected) in [
        (None, None, NOBODY),
        // Whoever calls sudo gets what is theirs, and root as caller is no reason to stay root.
        (Some(("4711", "4712")), None, "4711"),
        (Some(("0", "0")), None, NOBODY),
        (Some(("4711", "4712")), Some("nobody"), NOBODY),
    ] {
        let peers = Peers::listen();
        let mut command = wscope(&["export", "-i", "lo", "-f", &format!("tcp port {}", peers.port())]);
        if let Some((uid, gid)) = sudo {
            command.env("SUDO_UID", uid).env("SUDO_GID", gid);
        }
        command.args(user.map(|user| format!("--user={user}")));
        let mut sniffer = Sniffer::start(command);
        let mut pair = peers.connect();
        pair.client_says("are you root?");
        sniffer.await_record(|record| record["text"] == "are you root?");
        let threads = threads(sniffer.id());
        assert!(threads.len() > 1, "it captures in a thread");
        for status in threads {
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("{name} in {status}")).split_whitespace().collect::<Vec<_>>()
            };
            assert_eq!(field("Uid:"), [expected; 4]);
            let gid = if expected == "4711" { "4712" } else { NOBODY };
            assert_eq!((field("Gid:"), field("Groups:")), (vec![gid; 4], vec![gid]));
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
                assert_eq!(field(set), ["0000000000000000"], "{set}");
            }
            assert_eq!(field("NoNewPrivs:"), ["1"]);
        }
        assert_eq!(sniffer.interrupt().status, Some(0));
    }
}

#[test]
fn no_file_but_the_outputs_is_left() {
    if left_out("no_file_but_the_outputs_is_left") {
        return;
    }
    // The folder of a ring is replaced by a link to another one: with a sandbox that leads nowhere.
    for (args, expected) in [(&[][..], Some(2)), (&["--no-sandbox"], Some(0))] {
        let folder = TempDir::new().expect("a folder");
        let [ring, moved, other] = ["ring", "moved", "other"].map(|name| folder.path().join(name));
        for path in [&ring, &other] {
            fs::create_dir(path).expect("a folder");
        }
        let path = ring.join("x.pcapng").display().to_string();
        let peers = Peers::listen();
        let recording = ["export", "--user", "root", "-w", &path, "-b", "filesize:20"];
        let mut sniffer = Sniffer::on_loopback(&[&recording, args].concat(), peers.port());
        if args.is_empty() && !sniffer.said().contains(", in a sandbox\n") {
            assert!(std::env::var_os("CI").is_none(), "CI must have Landlock: {}", sniffer.said());
            eprintln!("left out, for this kernel lacks Landlock: no_file_but_the_outputs_is_left");
            return;
        }
        let mut pair = peers.connect();
        pair.client_says("first");
        sniffer.await_record(|record| record["text"] == "first");
        fs::rename(&ring, &moved).expect("moved");
        symlink(&other, &ring).expect("linked");
        pair.talk();
        let told = if expected == Some(2) { sniffer.end() } else { sniffer.interrupt() };
        assert_eq!(told.status, expected, "{}", told.stderr);
        assert_eq!(told.stderr.contains("Permission denied"), expected == Some(2), "{}", told.stderr);
        assert_eq!(count(&other) == 0, expected == Some(2));
    }
}

#[test]
fn files_of_a_ring_need_a_folder_of_the_user() {
    if left_out("files_of_a_ring_need_a_folder_of_the_user") {
        return;
    }
    // Only root may make files here, and root it is not any more.
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("x.pcapng").display().to_string();
    let run = wscope(&["-i", "lo", "-w", &path, "-b", "filesize:20"]).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("wscope: the files of a ring are made as user nobody (see --user): "), "{stderr}");
    // A single file is opened before.
    let peers = Peers::listen();
    let sniffer = Sniffer::on_loopback(&["export", "-w", &path, "-o", &format!("{path}.jsonl")], peers.port());
    peers.talk();
    assert_eq!(sniffer.interrupt().status, Some(0));
    assert!(fs::metadata(&path).expect("a file").len() > 100_000);
    let records = fs::read_to_string(format!("{path}.jsonl")).expect("a file");
    assert!(records.lines().last().expect("a record").starts_with("{\"type\":\"summary\""));
}

#[test]
fn without_the_right_it_says_what_to_run() {
    if left_out("without_the_right_it_says_what_to_run") {
        return;
    }
    // A copy that others can reach.
    let folder = TempDir::new().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    let binary = folder.path().join("wscope");
    // By another process: a child of another test may inherit what is open here, and what is open for writing cannot be run.
    let copied = Command::new("cp").args([env!("CARGO_BIN_EXE_wscope").as_ref(), binary.as_path()]).status();
    assert!(copied.expect("cp runs").success());
    let advice = format!(
        "run 'sudo setcap cap_net_raw,cap_net_admin+ep {}' once, or 'sudo tcpdump -i IF -U -w - | wscope -'\n",
        binary.display()
    );
    let as_nobody = |args: &[&str]| Command::new(&binary).args(args).uid(65534).gid(65534).output().expect("it runs");
    let run = as_nobody(&["-i", "lo"]);
    assert_eq!(run.status.code(), Some(2));
    let expected = format!("wscope: lo: no permission to capture: {}", advice.replace("IF", "lo"));
    assert_eq!(String::from_utf8_lossy(&run.stderr), expected);
    let run = as_nobody(&["interfaces"]);
    let expected = format!("wscope: no permission to capture: {}", advice.replace("IF", "any"));
    assert_eq!(String::from_utf8_lossy(&run.stderr), expected);
    assert!(String::from_utf8_lossy(&run.stdout).lines().any(|line| line.starts_with("lo ")));
    let run = as_nobody(&["-i", "lo", "--user", "root"]);
    assert_eq!(run.status.code(), Some(2));
}

#[test]
fn interfaces_are_listed_with_what_is_known_of_them() {
    let run = wscope(&["interfaces"]).output().expect("the binary runs");
    let stdout = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    let loopback = stdout.lines().find(|line| line.starts_with("lo ")).expect("every Linux has one");
    assert!(loopback.contains("up,loopback") && loopback.contains("127.0.0.1"), "{loopback}");
    if !left_out("link types of interfaces") {
        assert!(loopback.contains(" EN10MB "), "{loopback}");
        assert!(run.stderr.is_empty());
    }
}

/// What the system says of each thread of a process.
fn threads(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let status = |task: PathBuf| fs::read_to_string(task.join("status")).expect("it runs");
    tasks.map(|task| status(task.expect("it runs").path())).collect()
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}
