# jupyter: jupyter_server with ipykernel, and a client over `websockets`, once in the form of v1.kernel.websocket.jupyter.org and once
# in the older JSON form: kernel_info, code that prints, shows something and asks for input, an error, completion, inspection, history,
# a comm with a buffer in the JSON form, shutdown.
import asyncio
import json
import os
import struct
import subprocess
import sys
import tempfile
import urllib.request
import uuid

from websockets.asyncio.client import connect

PORT = 8097
CODE = "print('hello', 6 * 7)\nfrom IPython.display import display, HTML\ndisplay(HTML('<b>bold</b>'))\n6 * 7"


def header(kind, session):
    return {"msg_id": uuid.uuid4().hex, "session": session, "username": "sample", "version": "5.3",
            "date": "2026-11-24T21:00:00.000000Z", "msg_type": kind}


def pack_v1(channel, message):
    parts = [channel.encode()] + [json.dumps(message[name]).encode() for name in ("header", "parent_header", "metadata", "content")]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def unpack(data, v1):
    if isinstance(data, str):
        message = json.loads(data)
        return message["channel"], message
    if not v1:  # JSON with buffers behind it
        count, first = struct.unpack_from(">2I", data)
        second = struct.unpack_from(">I", data, 8)[0] if count > 1 else len(data)
        message = json.loads(data[first:second])
        return message["channel"], message
    count = struct.unpack_from("<Q", data)[0]
    offsets = struct.unpack_from(f"<{count}Q", data, 8)
    parts = [data[a:b] for a, b in zip(offsets, offsets[1:])]
    names = ("header", "parent_header", "metadata", "content")
    return parts[0].decode(), dict(zip(names, map(json.loads, parts[1:5])))


class Kernel:
    def __init__(self, socket, v1):
        self.socket, self.v1, self.session = socket, v1, uuid.uuid4().hex

    async def ask(self, kind, content, channel="shell"):
        message = {"header": header(kind, self.session), "parent_header": {}, "metadata": {}, "content": content}
        await self.send(channel, message)
        answered = idle = False
        while not (answered and idle):
            where, told = unpack(await self.socket.recv(), self.v1)
            if told["header"]["msg_type"] == "input_request":
                reply = {"header": header("input_reply", self.session), "parent_header": told["header"], "metadata": {},
                         "content": {"value": "Ada"}}
                await self.send("stdin", reply)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            answered |= where == channel and told["header"]["msg_type"].endswith("_reply")
            idle |= told["header"]["msg_type"] == "status" and told["content"]["execution_state"] == "idle"
        print(kind, told["header"]["msg_type"])

    async def send(self, channel, message):
        if self.v1:
            await self.socket.send(pack_v1(channel, message))
        else:
            await self.socket.send(json.dumps({**message, "channel": channel, "buffers": []}))


def execute(code, **more):
    return {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True, "stop_on_error": True, **more}


async def converse(kernel_id, v1):
    subprotocols = ["v1.kernel.websocket.jupyter.org"] if v1 else None
    url = f"ws://127.0.0.1:{PORT}/api/kernels/{kernel_id}/channels?session_id={uuid.uuid4().hex}"
    async with connect(url, subprotocols=subprotocols, compression=None, ping_interval=None, max_size=None) as socket:
        kernel = Kernel(socket, v1)
        await kernel.ask("kernel_info_request", {})
        await kernel.ask("execute_request", execute(CODE))
        await kernel.ask("execute_request", execute("input('name? ')"))
        await kernel.ask("execute_request", execute("1 / 0", user_expressions={"two": "1 + 1"}))
        await kernel.ask("complete_request", {"code": "pri", "cursor_pos": 3})
        await kernel.ask("inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": 0})
        await kernel.ask("is_complete_request", {"code": "if True:"})
        await kernel.ask("history_request", {"hist_access_type": "tail", "n": 2, "output": False, "raw": True})
        await kernel.ask("comm_info_request", {})
        if not v1:
            await kernel.ask("execute_request", execute("from ipykernel.comm import Comm\nComm(target_name='none', data={'a': 1}, buffers=[b'\\x00\\xff'])"))
        await kernel.ask("shutdown_request", {"restart": False}, "control")


def call(method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", method=method, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return response.read()


async def ready():
    while True:
        try:
            return call("GET", "/api/status")
        except OSError:
            await asyncio.sleep(0.2)


async def main():
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "JUPYTER_DATA_DIR": folder, "JUPYTER_RUNTIME_DIR": folder, "JUPYTER_CONFIG_DIR": folder, "IPYTHONDIR": folder, "HOME": folder}
        server = subprocess.Popen([sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={PORT}", "--IdentityProvider.token=",
                                   "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={folder}"], env=environment, stderr=subprocess.DEVNULL)
        try:
            await ready()
            for v1 in (True, False):
                kernel = json.loads(call("POST", "/api/kernels", b"{}"))["id"]
                await converse(kernel, v1)
        finally:
            server.terminate()
            server.wait()


asyncio.run(main())
