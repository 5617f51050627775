"""browser: a page in headless Chromium talks to Python `websockets`, permessage-deflate as both offer it by default.

The server hands out the page itself (an ordinary HTTP request), then speaks WebSocket: JSON texts, an ArrayBuffer, a
Blob, a text of 20,000 characters, a ping from the server, and a close 4000 from the page.
"""

import asyncio
import contextlib
import http
import json
import shutil
import tempfile

from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError
from websockets.http11 import Response

PORT = 8087
PAGE = b"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>wscope sample</title>
<script>
const socket = new WebSocket(`ws://${location.host}/feed`, ["feed.v2", "feed.v1"]);
socket.binaryType = "arraybuffer";
const plan = [
  () => socket.send(JSON.stringify({op: "hello", from: "the page"})),
  () => socket.send(JSON.stringify({op: "hello", from: "the page", again: true})),
  () => socket.send(new Uint8Array([0, 1, 2, 253, 254, 255]).buffer),
  () => socket.send(new Blob(["a blob ", "of two parts"])),
  () => socket.send("na\\u00efve caf\\u00e9 \\u2603 ".repeat(1300).slice(0, 20000)),
  () => socket.close(4000, "page is done"),
];
socket.onmessage = () => plan.shift()();
</script>"""
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

finished = asyncio.Event()


async def page(connection, request):
    if request.path == "/":
        headers = Headers({"Content-Type": "text/html", "Content-Length": str(len(PAGE)), "Connection": "close"})
        return Response(http.HTTPStatus.OK, "OK", headers, PAGE)
    return None


async def feed(websocket):
    await websocket.send(json.dumps({"welcome": True}))
    await (await websocket.ping(b"browser?"))
    with contextlib.suppress(ConnectionClosedError):  # 4000 is no normal closure to Python
        async for message in websocket:
            await websocket.send(message)
    finished.set()


async def main():
    async with serve(feed, "127.0.0.1", PORT, process_request=page, subprotocols=["feed.v1"], ping_interval=None):
        profile = tempfile.mkdtemp()
        browser = await asyncio.create_subprocess_exec(
            *CHROMIUM, f"--user-data-dir={profile}", "--remote-debugging-port=0", f"http://127.0.0.1:{PORT}/",
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await asyncio.wait_for(finished.wait(), 40)
        finally:
            browser.terminate()
            await browser.wait()
            shutil.rmtree(profile, ignore_errors=True)


asyncio.run(main())
