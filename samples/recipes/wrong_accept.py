"""wrong-accept: a server that hashes the nonce with a wrong GUID, so its Sec-WebSocket-Accept is not the right one.

Twice the same server (plain sockets). First the client is Python `websockets`, which must fail the connection and does;
then a careless client, which never looks at the header and goes on: a text each way and a close 1000 each way.
"""

import base64
import hashlib
import re
import socket
import threading

from websockets.exceptions import InvalidHandshake
from websockets.frames import Close, Frame, Opcode
from websockets.sync.client import connect

PORT = 8084
WRONG_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B12"  # the last digit should be 1


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(1)
        if not data:
            return None
        head += data
    return head.decode("ascii")


def serve(listener):
    for _ in range(2):
        connection, _ = listener.accept()
        with connection:
            key = re.search(r"Sec-WebSocket-Key: (\S+)", read_head(connection), re.IGNORECASE)[1]
            accept = base64.b64encode(hashlib.sha1((key + WRONG_GUID).encode()).digest()).decode()
            connection.sendall(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
            )
            received = connection.recv(4096)
            if received:
                connection.sendall(Frame(Opcode.TEXT, b"the server never noticed").serialize(mask=False))
                connection.recv(4096)
                connection.sendall(Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=False))


def careful_client():
    try:
        connect(f"ws://127.0.0.1:{PORT}/careful", compression=None)
    except InvalidHandshake as error:
        print(error)


def careless_client():
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.sendall(
            f"GET /careless HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        print(read_head(connection).splitlines()[0])
        connection.sendall(Frame(Opcode.TEXT, b"nor did the client").serialize(mask=True))
        connection.recv(4096)
        connection.sendall(Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True))
        while connection.recv(4096):
            pass


listener = socket.create_server(("127.0.0.1", PORT))
server = threading.Thread(target=serve, args=(listener,))
server.start()
careful_client()
careless_client()
server.join()
