"""deflate-takeover, client side: Python `websockets`; offers client_max_window_bits, takes what the server agrees to.

Seven JSON requests, one of them as a compressed message in fragments, then {"op": "report"} and close 1000.
"""

import asyncio
import json

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

DEFLATE = ClientPerMessageDeflateFactory(client_max_window_bits=True)


def request(number):
    return json.dumps({"op": "subscribe", "id": number, "symbol": "WSCP", "fields": ["bid", "ask", "venue"]})


async def main():
    async with connect("ws://127.0.0.1:8081/quotes", compression=None, extensions=[DEFLATE], ping_interval=None) as websocket:
        for number in range(1, 7):
            await websocket.send(request(number))
            print(await websocket.recv())
        text = request(7)
        await websocket.send([text[:30], text[30:60], text[60:]])
        print(await websocket.recv())
        await websocket.send(json.dumps({"op": "report"}))
        print(len(await websocket.recv()))


asyncio.run(main())
