# soap: zeep's envelopes over a WebSocket (subprotocol `soap`, as in MS-SWSB) to a service of spyne, SOAP 1.2: a sum, a list, a fault. zeep
# names each message (WS-Addressing); spyne knows nothing of that, so the answers are told here what they relate to. Then, without a
# subprotocol and without names, SOAP 1.1.
import tempfile
import threading

from lxml import etree
from spyne import Application, Fault, Integer, Iterable, ServiceBase, Unicode, rpc
from spyne.interface.wsdl import Wsdl11
from spyne.protocol.soap import Soap11, Soap12
from spyne.server import ServerBase
from spyne.context import MethodContext
from websockets.sync.client import connect
from websockets.sync.server import serve
from zeep import Client, exceptions
from zeep.transports import Transport
from zeep.wsa import WsAddressingPlugin

PORT = 8105
ADDRESSING = "http://www.w3.org/2005/08/addressing"


class Calculator(ServiceBase):
    @rpc(Integer, Integer, _returns=Integer)
    def add(ctx, a, b):
        return a + b

    @rpc(Unicode, Integer, _returns=Iterable(Unicode))
    def repeat(ctx, word, times):
        for number in range(times):
            yield f"{word} {number}"

    @rpc(Integer, _returns=Integer)
    def divide(ctx, by):
        raise Fault("Client", "division by zero")


def answer(server, envelope):
    started = MethodContext(server, MethodContext.SERVER)
    started.in_string = [envelope]
    ctx, = server.generate_contexts(started)
    if not ctx.in_error:
        server.get_in_object(ctx)
    if ctx.in_error:
        ctx.out_error = ctx.in_error
    else:
        server.get_out_object(ctx)
    server.get_out_string(ctx)
    reply = etree.fromstring(b"".join(ctx.out_string))
    for name in etree.fromstring(envelope).iter(f"{{{ADDRESSING}}}MessageID"):
        header = etree.Element(etree.QName(reply.tag).namespace.join("{}") + "Header", nsmap={"wsa": ADDRESSING})
        etree.SubElement(header, f"{{{ADDRESSING}}}RelatesTo").text = name.text
        reply.insert(0, header)
    return etree.tostring(reply, encoding="unicode")


class OverWebSocket(Transport):
    def __init__(self, socket):
        super().__init__()
        self.socket = socket

    def post(self, address, message, headers):
        self.socket.send(message.decode() if isinstance(message, bytes) else message)
        content = self.socket.recv().encode()
        return type("Response", (), {"status_code": 200, "content": content, "headers": {}, "encoding": "utf-8"})()


def talk(protocol, path, plugins, subprotocols):
    app = Application([Calculator], tns="urn:wscope:calculator", in_protocol=protocol(), out_protocol=protocol())
    server = ServerBase(app)
    app.transport = "http://schemas.xmlsoap.org/soap/http"  # all that zeep knows
    wsdl = Wsdl11(app.interface)
    wsdl.build_interface_document(f"ws://127.0.0.1:{PORT}{path}")
    description = tempfile.NamedTemporaryFile(suffix=".wsdl")
    description.write(wsdl.get_interface_document())
    description.flush()

    def serving(socket):
        for message in socket:
            socket.send(answer(server, message.encode()))

    with serve(serving, "127.0.0.1", PORT, subprotocols=subprotocols, compression=None) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        with connect(f"ws://127.0.0.1:{PORT}{path}", subprotocols=subprotocols, compression=None) as socket:
            client = Client(description.name, plugins=plugins, transport=OverWebSocket(socket))
            print(client.service.add(20, 22), client.service.repeat("<&>", 2))
            try:
                client.service.divide(0)
            except exceptions.Fault as fault:
                print(fault)
        listening.shutdown()


talk(Soap12, "/calculator", [WsAddressingPlugin()], ["soap"])
talk(Soap11, "/older", [], None)
