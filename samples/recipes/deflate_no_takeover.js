// deflate-no-takeover: permessage-deflate with server_no_context_takeover; client_no_context_takeover, Node `ws` on both
// sides. The same text three times gives the same compressed bytes three times; short texts stay below the threshold and go
// uncompressed; one binary, one message in compressed fragments that ends with an empty final frame.
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 8082;
const perMessageDeflate = { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 64 };
const SAME = 'The quick brown fox jumps over the lazy dog. '.repeat(4);
const PLAN = [
  (socket) => socket.send(SAME),
  (socket) => socket.send(SAME),
  (socket) => socket.send('short, not compressed'),
  (socket) => socket.send(SAME),
  (socket) => socket.send(Buffer.alloc(5000, 'wscope')),
  (socket) => {
    socket.send('fragmented '.repeat(20), { fin: false });
    socket.send('and compressed '.repeat(20), { fin: false });
    socket.send('', { fin: true });
  },
];

const server = new WebSocketServer({ host: '127.0.0.1', port: PORT, perMessageDeflate });
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});

const client = new WebSocket(`ws://127.0.0.1:${PORT}/`, { perMessageDeflate });
let step = 0;
const next = () => (step < PLAN.length ? PLAN[step++](client) : client.close(1000));
client.on('open', next);
client.on('message', next);
client.on('close', () => server.close());
