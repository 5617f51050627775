"""echo-python: a plain echo, Python `websockets` on both sides, no extension.

Text (ASCII, accents, emoji), binary, an empty message, a 300-byte text, a 2 KB text that spans two packets,
a ping with payload, and a close 1000 with a reason.
"""

import asyncio

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

PORT = 8765
MESSAGES = [
    "Hello, wscope!",
    "Grüße aus Zürich, 東京, 🚀",
    bytes(range(16)),
    "",
    "a payload of 300 bytes needs the 16-bit length. ".ljust(300, "."),
    '{"escapes": "tab\\t, quote \\", newline\\n", "list": [1, 2.5, null, true]}',
    b"\x89PNG\r\n\x1a\n" + bytes(24),
    "two packets: " + "0123456789" * 200,
]


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def main():
    options = {"compression": None, "ping_interval": None}
    async with serve(echo, "127.0.0.1", PORT, **options):
        async with connect(f"ws://127.0.0.1:{PORT}/echo?room=1", **options) as websocket:
            for message in MESSAGES:
                await websocket.send(message)
                assert await websocket.recv() == message
                await asyncio.sleep(0.02)
            await (await websocket.ping(b"are you there?"))
            await websocket.close(1000, "goodbye")


asyncio.run(main())
