# wamp: the router. Crossbar with one realm, open to anonymous sessions, in a folder that goes with it; the peers are another program (argv[1:]).
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import socket
import time

PORT = 8098
CONFIG = {
    "version": 2,
    "controller": {},
    "workers": [{
        "type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [{
            "uri": "", "match": "prefix", "cache": True, "disclose": {"caller": True, "publisher": True},
            "allow": {"call": True, "register": True, "publish": True, "subscribe": True}}]}]}],
        "transports": [{"type": "websocket", "endpoint": {"type": "tcp", "port": PORT, "interface": "127.0.0.1"},
                        "serializers": ["cbor", "msgpack", "json"]},
                       {"type": "websocket", "endpoint": {"type": "tcp", "port": PORT + 10, "interface": "127.0.0.1"}}],
    }],
}


def listens():
    try:
        socket.create_connection(("127.0.0.1", PORT + 10)).close()
        return True
    except OSError:
        return False


with tempfile.TemporaryDirectory() as folder:
    node = pathlib.Path(folder, ".crossbar")
    node.mkdir()
    node.joinpath("config.json").write_text(json.dumps(CONFIG))
    crossbar = shutil.which("crossbar", path=str(pathlib.Path(sys.executable).parent))
    router = subprocess.Popen([crossbar, "start", "--cbdir", node], stdout=subprocess.DEVNULL)
    try:
        while router.poll() is None and not listens():
            time.sleep(0.1)
        sys.exit(subprocess.run(sys.argv[1:]).returncode)
    finally:
        router.terminate()
        router.wait()
