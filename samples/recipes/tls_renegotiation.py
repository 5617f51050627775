"""wss:// on a TLS 1.2 connection that is renegotiated twice between the frames: by the client, then by the server.

tls_renegotiation.py PORT KEYLOG: an upgrade, three echoed texts with a handshake behind the first and the second, a close.
"""
import base64, os, socket, subprocess, sys, tempfile, threading

from OpenSSL import SSL

from tls_suites import answer, frame, read_frame, request

ALLOW_CLIENT_RENEGOTIATION = 1 << 8  # SSL_OP_ALLOW_CLIENT_RENEGOTIATION


class Stream:
    """Reads like a file; pyOpenSSL renegotiates while it reads and writes."""

    def __init__(self, tls):
        self.tls = tls

    def read(self, count):
        read = b""
        while len(read) < count:
            read += self.tls.recv(count - len(read))
        return read

    def readline(self):
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.read(1)
        return line


def context(folder, keys=None):
    made = SSL.Context(SSL.TLSv1_2_METHOD)
    made.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256")
    made.set_options(ALLOW_CLIENT_RENEGOTIATION)
    made.use_certificate_file(f"{folder}/cert.pem")
    made.use_privatekey_file(f"{folder}/key.pem")
    if keys:
        made.set_keylog_callback(lambda _, line: keys.write(line + b"\n"))
    return made


def renegotiate(tls):
    assert tls.renegotiate()
    tls.do_handshake()


def serve(listener, folder):
    tls = SSL.Connection(context(folder), listener.accept()[0])
    tls.set_accept_state()
    stream = Stream(tls)
    tls.sendall(answer(stream))
    opcode, count = 0, 0
    while opcode != 8:
        opcode, payload = read_frame(stream)
        count += 1
        if count == 3:
            renegotiate(tls)
        tls.sendall(frame(opcode, payload))
    tls.shutdown()


def talk(port, folder, keys):
    tls = SSL.Connection(context(folder, keys), socket.create_connection(("127.0.0.1", port)))
    tls.set_tlsext_host_name(b"renegotiation.example")
    tls.set_connect_state()
    stream = Stream(tls)
    tls.sendall(request("renegotiation.example", port, "renegotiated"))
    while stream.readline() != b"\r\n":
        pass
    for opcode, payload in [(1, b"under the first keys"), (1, b"under the second"), (1, b"third" * 30), (8, b"\x03\xe8")]:
        tls.sendall(frame(opcode, payload, os.urandom(4)))
        assert read_frame(stream) == (opcode, payload)
        if payload.endswith(b"first keys"):
            renegotiate(tls)
    assert tls.total_renegotiations() == 2, tls.total_renegotiations()


def main():
    port = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder, open(sys.argv[2], "wb") as keys, socket.create_server(("127.0.0.1", port)) as listener:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=renegotiation.example",
                        "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
        server = threading.Thread(target=serve, args=(listener, folder), daemon=True)
        server.start()
        talk(port, folder, keys)
        server.join(10)


main()
