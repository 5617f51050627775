# signalr: the server, aiosignalr (no .NET is to be had from Debian); the clients are another program (argv[1:]). Two things of
# its that the client of Microsoft refuses are put right, as ASP.NET Core does them: JSON goes as text, and empty headers are a map.
import asyncio
import sys

from aiosignalr.protocol import messagepack_protocol
from aiosignalr.server import aiohttp_server
from aiosignalr.server import Hub, IncomingStream, ServerOptions, SignalRServer

PORT = 8101


async def send(self, data):
    if data.startswith(b"{") and data.endswith(b"\x1e"):
        await self._ws.send_str(data.decode())
    else:
        await self._ws.send_bytes(data)


aiohttp_server._AiohttpSocket.send_bytes = send
messagepack_protocol._EMPTY_HEADERS = {}


class Calculator(Hub):
    async def add(self, a: int, b: int) -> int:
        return a + b

    async def fails(self):
        raise RuntimeError("it fails")

    async def count(self, upto: int):
        for number in range(upto):
            yield number
            await asyncio.sleep(0.02)

    async def sum(self, stream: IncomingStream) -> int:
        return sum([number async for number in stream])

    async def say(self, text):
        await self.clients.all_.send("said", text, len(text))


async def main():
    server = SignalRServer(Calculator, options=ServerOptions(allow_stateful_reconnects=True, keep_alive_interval=0.15, enable_detailed_errors=True))
    serving = asyncio.create_task(server.serve("127.0.0.1", PORT, path="/hub"))
    await asyncio.sleep(0.5)
    clients = await asyncio.create_subprocess_exec(*sys.argv[1:])
    status = await clients.wait()
    serving.cancel()
    return status


sys.exit(asyncio.run(main()))
