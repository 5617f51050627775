// refused: opening handshakes a Node HTTP server turns down, each on a connection of its own, then one it accepts.
// 401 (no credentials) · 404 (no such path) · 426 (a version the server does not speak) · 302 (moved), which the client
// follows to a 101 · then a plain success with credentials. Client: Node `ws`.
const http = require('node:http');
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 8083;
const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = http.createServer((request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end());

function refuse(socket, status, headers = {}, body = '') {
  const lines = Object.entries({ ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' });
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n`
    + lines.map(([name, value]) => `${name}: ${value}\r\n`).join('') + `\r\n${body}`);
}

server.on('upgrade', (request, socket, head) => {
  if (request.headers['sec-websocket-version'] !== '13') {
    return refuse(socket, 426, { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' });
  }
  if (request.url === '/old') return refuse(socket, 302, { Location: `ws://127.0.0.1:${PORT}/public` });
  if (request.url === '/private' && !request.headers.authorization) {
    return refuse(socket, 401, { 'WWW-Authenticate': 'Basic realm="wscope samples"', 'Content-Type': 'text/plain' }, 'Who are you?\n');
  }
  if (!['/private', '/public'].includes(request.url)) {
    return refuse(socket, 404, { 'Content-Type': 'text/plain' }, 'There is nothing here.\n');
  }
  websockets.handleUpgrade(request, socket, head, (websocket) => websocket.send(`welcome to ${request.url}`));
});

async function visit(path, options) {
  const websocket = new WebSocket(`ws://127.0.0.1:${PORT}${path}`, { perMessageDeflate: false, ...options });
  websocket.on('error', (error) => console.log(path, error.message));
  websocket.on('message', (data) => {
    websocket.send(`thank you for "${data}"`);
    websocket.close(1000, 'seen');
  });
  await new Promise((resolve) => websocket.on('close', resolve)); // events.once would reject on 'error'
}

server.listen(PORT, '127.0.0.1', async () => {
  await visit('/private');
  await visit('/nowhere');
  await visit('/public', { protocolVersion: 8 });
  await visit('/old', { followRedirects: true });
  await visit('/private', { auth: 'guest:guest' });
  server.close();
});
