// fragments-node: fragmented messages both ways, Node `ws` on both sides over IPv6, no extension.
// Client: text in three fragments with a ping between the first two; binary closed by an empty final continuation.
// Server: the same the other way round, and a text cut inside a UTF-8 sequence. The client closes with 1001.
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 8080;

// Sends all but the last part with FIN clear. `between` runs after the first fragment.
function sendFragments(socket, parts, binary, between = () => {}) {
  parts.forEach((part, index) => {
    socket.send(part, { fin: index === parts.length - 1, binary });
    if (index === 0) between();
  });
}

const server = new WebSocketServer({ host: '::1', port: PORT, perMessageDeflate: false });

server.on('connection', (socket) => {
  let received = 0;
  socket.on('message', () => {
    received += 1;
    if (received === 1) sendFragments(socket, ['The server ', 'answers in ', 'fragments.'], false, () => socket.ping('server ping'));
    if (received === 2) {
      const euro = Buffer.from('5 €');
      sendFragments(socket, [euro.subarray(0, 3), euro.subarray(3)], false);
      sendFragments(socket, [Buffer.alloc(200, 0xab), Buffer.alloc(0)], true);
      socket.send('done');
    }
  });
});

const client = new WebSocket(`ws://[::1]:${PORT}/fragments`, { perMessageDeflate: false });

client.on('open', () => {
  sendFragments(client, ['One message ', 'in three ', 'frames.'], false, () => client.ping('client ping'));
  setTimeout(() => sendFragments(client, [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6]), Buffer.alloc(0)], true), 50);
});
client.on('message', (data, isBinary) => {
  if (!isBinary && data.toString() === 'done') client.close(1001, 'going away');
});
client.on('close', () => server.close());
