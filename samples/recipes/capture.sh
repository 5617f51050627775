#!/bin/bash
# capture.sh FILE.pcap PORT COMMAND…   (as root)
# Runs COMMAND in a network namespace of its own, where the only interface is an Ethernet-sized loopback,
# and writes what crosses PORT there to FILE.pcap (nanosecond times). Nothing else can get into the capture.
set -euo pipefail
if [ "${IN_NAMESPACE:-}" != yes ]; then
    IN_NAMESPACE=yes exec unshare --net "$0" "$@"
fi
file=$1 port=$2
shift 2

# One packet per TCP segment, as on a wire; loopback would else hand over 64 KB at once.
ip link set lo mtu 1500 gso_max_segs 1 up

log=$(mktemp)
trap 'rm -f "$log"' EXIT
tcpdump -i lo -n --immediate-mode --snapshot-length=4096 --buffer-size=65536 --time-stamp-precision=nano \
    -Z root -w "$file" "tcp port $port" 2>"$log" &
tcpdump=$!
until grep -q '^tcpdump: listening' "$log"; do
    kill -0 "$tcpdump" || { cat "$log" >&2; exit 1; }
    sleep 0.05
done

status=0
timeout 60 "$@" || status=$?
sleep 0.5 # the last FIN and its ACK
kill -INT "$tcpdump"
wait "$tcpdump" || true
grep -q '^0 packets dropped' "$log" || { cat "$log" >&2; exit 1; }
exit "$status"
