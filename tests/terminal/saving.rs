//! What the screen writes: rows, payloads, packets, settings. Each is read back.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::pcap::pcap;
use crate::common::tls::Tls;
use crate::common::tunnel::{CARRIERS, carried};
use crate::common::{Conversation, OwnedPacket, Route, text};
use crate::session::Session;

/// A folder with a sample in it, and the screen on that.
fn session(folder: &TempDir, sample: &str) -> Session {
    fs::copy(Path::new("samples").join(sample), folder.path().join(sample)).expect("a sample");
    let session = Session::wscope_in(folder.path(), &[sample]);
    session.await_text("loaded");
    session
}

fn records(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("it was written");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Two connections with the same addresses and ports at the same time, told apart by what carries them.
fn alike(carriers: [&str; 2]) -> Vec<OwnedPacket> {
    let said = ["of the first", "of the second"];
    let [first, second] = [0, 1].map(|index| {
        let talk = Conversation::new().handshake().client(text(said[index])).server(text("answered")).close(1000, "");
        let carrier = CARRIERS.iter().find(|carrier| carrier.name == carriers[index]).expect("one of them");
        talk.packets().iter().map(|packet| carried(packet, carrier)).collect::<Vec<_>>()
    });
    first.into_iter().zip(second).flat_map(|(first, second)| [first, second]).collect()
}

#[test]
fn the_packets_of_a_connection_in_a_tunnel_are_those_of_no_other() {
    let folder = TempDir::new().expect("a folder");
    for (carriers, name) in [(["VLAN", "three VLANs"], "vlans"), (["GRE with a key", "VXLAN"], "tunnels")] {
        fs::write(folder.path().join(format!("{name}.pcap")), pcap(&alike(carriers))).expect("a file");
        let mut session = Session::wscope_in(folder.path(), &[&format!("{name}.pcap")]);
        session.await_text("2 conns");
        session.await_text("loaded");
        session.press(&format!("l:packets {name}.pcapng\r"));
        session.await_text("packets written");
        session.press("q");
        assert_eq!(session.finish().exit_code(), 0);
        let written = folder.path().join(format!("{name}.pcapng"));
        let export =
            Command::new(env!("CARGO_BIN_EXE_wscope")).arg("export").arg(&written).output().expect("the program");
        let records = String::from_utf8(export.stdout).expect("text");
        assert_eq!(records.matches("\"type\":\"handshake\"").count(), 1, "{name}: {records}");
        let said = ["of the first", "of the second"].map(|said| records.contains(said));
        assert_eq!(said, [false, true], "{name}: {records}");
        let bytes = fs::read(written).expect("it was written");
        let comment = b"wscope: text from client";
        assert!(bytes.windows(comment.len()).any(|bytes| bytes == comment), "{name}: no comment");
    }
}

#[test]
fn packets_are_saved_with_the_secrets_that_open_them_and_no_others() {
    let folder = TempDir::new().expect("a folder");
    let tls = Tls::new("TLS13_AES_128_GCM_SHA256");
    let carried = [("first", 50_001), ("second", 50_002)].map(|(said, port)| {
        let plain = Conversation::new().handshake().client(text(said)).close(1000, "");
        let route = Route { client: (Ipv4Addr::new(10, 0, 0, 1), port), ..Route::default() };
        tls.carry(&plain, route)
    });
    let packets: Vec<_> = carried.iter().flat_map(|carried| carried.told.packets()).collect();
    fs::write(folder.path().join("tls.pcap"), pcap(&packets)).expect("a file");
    // The log of both.
    fs::write(folder.path().join("keys"), &carried[1].keys).expect("a file");
    let mut session = Session::wscope_in(folder.path(), &["tls.pcap", "--keylog", "keys"]);
    session.await_text("2 conns");
    session.await_text("loaded");
    session.press("l:packets second.pcapng\r");
    session.await_text("wireshark -g ");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
    let written = folder.path().join("second.pcapng");
    let export = Command::new(env!("CARGO_BIN_EXE_wscope")).arg("export").arg(&written).output().expect("the program");
    let records = String::from_utf8(export.stdout).expect("text");
    assert!(records.contains("\"text\":\"second\"") && !records.contains("\"text\":\"first\""), "{records}");
    let bytes = fs::read(&written).expect("it was written");
    let count = |bytes: &[u8]| bytes.windows(7).filter(|label| label == b"_SECRET").count();
    let [before, all] = carried.each_ref().map(|carried| count(carried.keys.as_bytes()));
    assert!(before > 0 && count(&bytes) == all - before, "{} of {all}, {before} of the first", count(&bytes));
}

#[test]
fn what_no_handshake_announces_is_read_again_as_a_websocket_where_it_is_said() {
    let folder = TempDir::new().expect("a folder");
    let told = Conversation::new().syn().client(text("hello by hand")).close(1000, "");
    fs::write(folder.path().join("bare.pcap"), pcap(&told.packets())).expect("a file");
    let mut session = Session::wscope_in(folder.path(), &["bare.pcap"]);
    session.await_text("no WebSocket was found here");
    session.press(":decode tcp.port==80,websocket\r");
    session.await_text("hello by hand");
    session.await_text("1 connection (");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

#[test]
fn listed_rows_are_saved_in_a_format_of_the_exporters_and_nothing_is_written_over() {
    let folder = TempDir::new().expect("a folder");
    let mut session = session(&folder, "fragments-node.pcap");
    session.press("/type:text\r");
    session.await_text("of 14");
    session.press(":save jsonl texts.jsonl\r");
    session.await_text("written to texts.jsonl");
    let texts = records(&folder.path().join("texts.jsonl"));
    let (summary, messages) = texts.split_last().expect("a summary");
    assert_eq!(summary["type"], "summary");
    assert!(messages.len() > 2 && messages.iter().all(|record| record["opcode"] == "text"), "{texts:?}");
    session.press(":save text texts.jsonl\r");
    session.await_text("texts.jsonl: File exists");
    assert_eq!(records(&folder.path().join("texts.jsonl")), texts);
    session.press("ej");
    session.await_text("written to wscope-rows.jsonl");
    assert_eq!(records(&folder.path().join("wscope-rows.jsonl")), texts);
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

#[test]
fn marked_rows_a_connection_and_a_payload_are_saved_by_the_menu() {
    let folder = TempDir::new().expect("a folder");
    let mut session = session(&folder, "fragments-node.pcap");
    session.press("3Gma5Gmbem");
    session.await_text("2 rows written to wscope-marked.jsonl");
    let marked = records(&folder.path().join("wscope-marked.jsonl"));
    let opcodes: Vec<_> = marked.iter().filter_map(|record| record["opcode"].as_str()).collect();
    assert_eq!(opcodes, ["text", "ping"]);
    session.press("e1");
    session.await_text("14 rows written to wscope-connection-1.jsonl");
    session.press("3Gep");
    session.await_text("28 bytes written to wscope-payload-3.txt");
    let payload = fs::read(folder.path().join("wscope-payload-3.txt")).expect("it was written");
    assert_eq!(payload, b"One message in three frames.");
    session.press("q");
    assert_eq!(session.finish().exit_code(), 0);
}

#[test]
fn settings_and_filters_outlast_the_screen() {
    let folder = TempDir::new().expect("a folder");
    let mut first = session(&folder, "fragments-node.pcap");
    first.press(":theme mono\r:column delta\rt/type:binary\r");
    first.await_text("2 of 14");
    first.press(":filter save bytes\r");
    first.await_text("kept in ");
    first.press("q");
    first.finish();
    let kept = fs::read_to_string(folder.path().join("wscope/config.toml")).expect("it was written");
    for line in
        ["theme = \"mono\"", "times = \"since-start\"", "hidden_columns = [\"delta\"]", "bytes = \"type:binary\""]
    {
        assert!(kept.lines().any(|known| known == line), "{line} is not in\n{kept}");
    }
    let mut second = session(&folder, "fragments-node.pcap");
    second.await_screen("no column of deltas", |screen| !screen.contents().contains("Delta"));
    second.press("/$bytes\r");
    second.await_text("2 of 14");
    second.press("q");
    second.finish();
}
