"""wss:// in every kind of record protection that OpenSSL has and rustls has not: CBC in both orders of MAC and cipher,
CCM, finite-field Diffie-Hellman, RSA key exchange, TLS 1.0 and 1.1, TLS 1.3 with CCM and padded records.

tls_suites.py PORT KEYLOG: a connection after the other, each with an upgrade, two echoed texts and a close.
"""
import base64, hashlib, os, socket, ssl, subprocess, sys, tempfile, threading

NO_ENCRYPT_THEN_MAC = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC
ALL = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

# version, cipher, options, lines of an openssl.cnf (TLS 1.3 suites and padding cannot be chosen otherwise)
CONNECTIONS = [
    ("1.2", "ECDHE-RSA-AES128-SHA", 0, ""),
    ("1.2", "ECDHE-RSA-AES128-SHA", NO_ENCRYPT_THEN_MAC, ""),
    ("1.2", "ECDHE-RSA-AES128-SHA256", 0, ""),
    ("1.2", "ECDHE-RSA-AES256-SHA384", 0, ""),
    ("1.2", "ECDHE-RSA-AES256-SHA384", NO_ENCRYPT_THEN_MAC, ""),
    ("1.2", "DHE-RSA-AES256-CCM", 0, ""),
    ("1.2", "DHE-RSA-AES128-CCM8", 0, ""),
    ("1.2", "DHE-RSA-AES256-GCM-SHA384", 0, ""),
    ("1.2", "AES256-SHA256", NO_ENCRYPT_THEN_MAC, ""),
    ("1.1", "ECDHE-RSA-AES256-SHA", NO_ENCRYPT_THEN_MAC, ""),
    ("1.0", "ECDHE-RSA-AES128-SHA", NO_ENCRYPT_THEN_MAC, ""),
    ("1.3", "", 0, "Ciphersuites = TLS_AES_128_CCM_SHA256\nRecordPadding = 300"),
    ("1.3", "", 0, "Ciphersuites = TLS_AES_128_CCM_8_SHA256"),
]


def context(side, row, folder, keys):
    version, cipher, options, _ = row
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if side == "server" else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = made.maximum_version = ALL[version]
    made.options |= options
    if cipher:
        made.set_ciphers(cipher + ":@SECLEVEL=0")
    if side == "server":
        made.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        made.load_dh_params(f"{folder}/dh.pem")
    else:
        made.load_verify_locations(f"{folder}/cert.pem")
        made.keylog_filename = keys
    return made


def frame(opcode, payload, key=b""):
    head = bytes([0x80 | opcode, (0x80 if key else 0) | (len(payload) if len(payload) < 126 else 126)])
    head += len(payload).to_bytes(2, "big") if len(payload) >= 126 else b""
    return head + key + (bytes(b ^ key[i % 4] for i, b in enumerate(payload)) if key else payload)


def read_frame(stream):
    opcode, length = stream.read(2)
    masked, length = length & 0x80, length & 0x7F
    if length == 126:
        length = int.from_bytes(stream.read(2), "big")
    key = stream.read(4) if masked else b""
    payload = stream.read(length)
    return opcode & 15, bytes(b ^ key[i % 4] for i, b in enumerate(payload)) if key else payload


def request(host, port, what):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET /{what} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: https://{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()


def answer(stream):
    head = b"".join(iter(stream.readline, b"\r\n"))
    key = next(line.split()[1] for line in head.splitlines() if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"


def serve(listener, made):
    connection, _ = listener.accept()
    with made.wrap_socket(connection, server_side=True) as tls:
        stream = tls.makefile("rb")
        tls.sendall(answer(stream))
        opcode = 0
        while opcode != 8:
            opcode, payload = read_frame(stream)
            tls.sendall(frame(opcode, payload))


def talk(port, made, what):
    with made.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="suites.example") as tls:
        tls.sendall(request("suites.example", port, what))
        stream = tls.makefile("rb")
        while stream.readline() != b"\r\n":
            pass
        for opcode, payload in [(1, f"this is {what}".encode()), (1, b"0123456789" * 90), (8, b"\x03\xe8")]:
            tls.sendall(frame(opcode, payload, os.urandom(4)))
            assert read_frame(stream) == (opcode, payload)


def run(port, row, folder, keys):
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = threading.Thread(target=serve, args=(listener, context("server", row, folder, keys)))
        server.start()
        talk(port, context("client", row, folder, keys), f"{row[0]}-{CONNECTIONS.index(row)}")
        server.join()


def main():
    port, keys = int(sys.argv[1]), sys.argv[2]
    if len(sys.argv) > 3:
        return run(port, CONNECTIONS[int(sys.argv[3])], sys.argv[4], keys)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=suites.example", "-addext",
                        "subjectAltName=DNS:suites.example", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
        with open(f"{folder}/dh.pem", "wb") as dh:
            subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"], check=True, stdout=dh)
        for number, (*_, lines) in enumerate(CONNECTIONS):
            with open(f"{folder}/openssl.cnf", "w") as conf:
                conf.write(f"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n{lines}\n")
            subprocess.run([sys.executable, __file__, str(port), keys, str(number), folder], check=True, env={**os.environ, "OPENSSL_CONF": f"{folder}/openssl.cnf"})


if __name__ == "__main__":
    main()
