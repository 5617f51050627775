#!/bin/bash
# record.sh [NAME…]   (as root)
# Makes the captures of samples/ anew, all of them or those named. The peers are installed into a scratch folder
# (RECIPES_SCRATCH, default /tmp/wscope-recipes), never into the repository. Needs tcpdump, iproute2, python3 with venv,
# node with npm, zstd, editcap (wireshark-common); for tungstenite-echo cargo, for browser chromium,
# for h2-haproxy haproxy, for connect-squid squid and openssl, for tls-suites openssl, for nats and jetstream nats-server, for mqtt5 mosquitto,
# for xmpp prosody, for devtools chromium, for cable ruby-actioncable and puma.
set -euo pipefail
recipes=$(cd "$(dirname "$0")" && pwd)
samples=$(dirname "$recipes")
scratch=${RECIPES_SCRATCH:-/tmp/wscope-recipes}
python=$scratch/python/bin/python
export NODE_PATH=$scratch/node/node_modules

install_peers() {
    mkdir -p "$scratch/node"
    [ -x "$python" ] || python3 -m venv "$scratch/python"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$recipes/requirements.txt"
    cp "$recipes/package.json" "$scratch/node/"
    npm install --silent --no-audit --no-fund --prefix "$scratch/node"
}

build_tungstenite_client() {
    [ -d "$scratch/tungstenite" ] || cargo init --quiet --vcs none --name tungstenite-client "$scratch/tungstenite"
    cp "$recipes/tungstenite_client.rs" "$scratch/tungstenite/src/main.rs"
    (cd "$scratch/tungstenite" && cargo add --quiet tungstenite@=0.30.0 && cargo build --quiet)
}

# python_with NAME PACKAGE…: leaves $scratch/NAME/bin/python, with packages that rule out those of the others
python_with() {
    local venv=$scratch/$1
    shift
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

# record NAME PORT COMMAND…: leaves $scratch/NAME.pcap
record() {
    local name=$1
    shift
    "$recipes/capture.sh" "$scratch/$name.pcap" "$@"
}

keep_pcap() { cp "$scratch/$1.pcap" "$samples/$1.pcap"; }
keep_microseconds() { editcap -F pcap "$scratch/$1.pcap" "$samples/$1.pcap"; }
keep_pcapng() { editcap -F pcapng "$scratch/$1.pcap" "$samples/$1.pcapng"; }
keep_gz() { gzip -9 --no-name --stdout "$scratch/$1.pcap" >"$samples/$1.pcap.gz"; }
keep_zst() { zstd -19 --quiet --stdout "$scratch/$1.pcap" >"$samples/$1.pcap.zst"; }

make_sample() {
    cd "$recipes"
    case $1 in
        echo-python)         record "$1" 8765 "$python" echo_python.py; keep_pcapng "$1" ;;
        fragments-node)      record "$1" 8080 node fragments_node.js; keep_pcap "$1" ;;
        deflate-takeover)    record "$1" 8081 node deflate_takeover_server.js "$python" deflate_takeover_client.py; keep_pcapng "$1" ;;
        deflate-no-takeover) record "$1" 8082 node deflate_no_takeover.js; keep_gz "$1" ;;
        refused)             record "$1" 8083 node refused.js; keep_microseconds "$1" ;;
        wrong-accept)        record "$1" 8084 "$python" wrong_accept.py; keep_pcap "$1" ;;
        subprotocol)         record "$1" 49213 node subprotocol.js; keep_pcapng "$1" ;;
        abnormal)            record "$1" 9001 node abnormal.js; keep_microseconds "$1" ;;
        tungstenite-echo)    build_tungstenite_client
                             record "$1" 8086 node echo_server.js 8086 "$scratch/tungstenite/target/debug/tungstenite-client"; keep_zst "$1" ;;
        browser)             record "$1" 8087 "$python" browser.py; keep_pcapng "$1" ;;
        h2-haproxy)          record "$1" 8088 node h2_haproxy.js haproxy_h2.cfg; keep_pcap "$1" ;;
        connect-squid)       record "$1" 8091 node connect_squid.js "$scratch"; keep_pcapng "$1" ;;
        tls-suites)          rm -f "$scratch/$1.keys"
                             record "$1" 8443 python3 tls_suites.py 8443 "$scratch/$1.keys"
                             editcap -F pcapng --inject-secrets "tls,$scratch/$1.keys" "$scratch/$1.pcap" "$samples/$1.pcapng" ;;
        tls-renegotiation)   rm -f "$scratch/$1.keys"
                             record "$1" 8445 "$python" tls_renegotiation.py 8445 "$scratch/$1.keys"
                             editcap -F pcapng --inject-secrets "tls,$scratch/$1.keys" "$scratch/$1.pcap" "$samples/$1.pcapng" ;;
        socketio)            record "$1" 8090 node socketio.js; keep_pcap "$1" ;;
        rpc)                 record "$1" 8091 node rpc.js; keep_pcap "$1" ;;
        sockjs)              record "$1" 8092 node sockjs.js; keep_pcap "$1" ;;
        nats)                record "$1" 8094 node nats.js; keep_pcap "$1" ;;
        mqtt5)               record "$1" 8095 node mqtt5.js; keep_pcap "$1" ;;
        xmpp)                record "$1" 8096 node xmpp.js; keep_pcap "$1" ;;
        jupyter)             python_with jupyter jupyter_server==2.21.1 ipykernel==7.3.0 websockets==17.4
                             record "$1" 8097 "$scratch/jupyter/bin/python" jupyter.py; keep_gz "$1" ;;
        wamp)                python_with crossbar crossbar==26.10.1
                             record "$1" 8098 "$scratch/crossbar/bin/python" wamp_router.py node wamp.js; keep_pcap "$1" ;;
        graphql)             record "$1" 8099 node graphql.js; keep_pcap "$1" ;;
        devtools)            record "$1" 9229 node devtools.js; keep_gz "$1" ;;
        signalr)             python_with aiosignalr aiosignalr==0.1.1
                             record "$1" 8101 "$scratch/aiosignalr/bin/python" signalr_server.py node signalr.js; keep_pcap "$1" ;;
        cable)               record "$1" 8102 ruby cable.rb node cable.js; keep_pcap "$1" ;;
        phoenix)             record "$1" 8103 node phoenix.js; keep_pcap "$1" ;;
        aedes)               record "$1" 8104 node aedes.js; keep_pcap "$1" ;;
        soap)                python_with soap spyne==2.14.0 zeep==4.3.3 websockets==17.4
                             record "$1" 8105 "$scratch/soap/bin/python" soap.py; keep_pcap "$1" ;;
        jsonrpc)             record "$1" 8106 node jsonrpc.js; keep_pcap "$1" ;;
        jetstream)           record "$1" 8107 node jetstream.js; keep_pcap "$1" ;;
        *) echo "no recipe for $1" >&2; return 2 ;;
    esac
}

install_peers
if [ $# -eq 0 ]; then
    set -- echo-python fragments-node deflate-takeover deflate-no-takeover refused wrong-accept subprotocol abnormal \
        tungstenite-echo browser h2-haproxy connect-squid tls-suites tls-renegotiation socketio rpc sockjs nats mqtt5 xmpp jupyter wamp graphql devtools signalr cable phoenix aedes soap jsonrpc jetstream
fi
for name; do
    echo "recording $name"
    make_sample "$name"
done
