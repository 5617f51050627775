// h2-haproxy: WebSockets over HTTP/2 (RFC 8441) from Node `http2` through haproxy to Node `ws` over HTTP/1.1.
//   node h2_haproxy.js HAPROXY_CONFIG
// One TCP connection: three ordinary requests; /feed with permessage-deflate, closed with 1000; /chat with a subprotocol,
// reset without a Close frame; /private, which haproxy refuses.
const { spawn } = require('node:child_process');
const http2 = require('node:http2');
const net = require('node:net');
const path = require('node:path');
const { WebSocket, WebSocketServer } = require('ws');

const internals = path.join(path.dirname(require.resolve('ws')), 'lib');
const PerMessageDeflate = require(path.join(internals, 'permessage-deflate.js'));
const extension = require(path.join(internals, 'extension.js'));

const PORT = 8088;
const BEHIND = 8089;
const READY = 8090;

// A `ws` WebSocket on an HTTP/2 stream whose extended CONNECT was granted.
function open(stream, response) {
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30000 });
  socket._isServer = false;
  const agreed = response['sec-websocket-extensions'];
  if (agreed) {
    const deflate = new PerMessageDeflate({ threshold: 0 }, false, 0);
    deflate.accept(extension.parse(agreed)['permessage-deflate']);
    socket._extensions['permessage-deflate'] = deflate;
  }
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true });
  return socket;
}

function connect(session, target, headers) {
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': target, ':authority': 'localhost:8088',
    'sec-websocket-version': '13', origin: 'http://localhost:8088', ...headers,
  });
  stream.on('error', () => {});
  return new Promise((resolve) => stream.on('response', (response) => resolve([stream, response])));
}

function get(session) {
  const stream = session.request({ ':path': '/plain' });
  stream.resume();
  return new Promise((resolve) => stream.on('end', resolve));
}

async function feed(session) {
  const [stream, response] = await connect(session, '/feed', { 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits' });
  const socket = open(stream, response);
  let received = 0;
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.on('message', () => {
    received += 1;
    if (received === 4) socket.close(1000, 'fed');
  });
  for (const length of [40, 40, 3000]) socket.send('tick '.repeat(length / 5));
  socket.send(Buffer.alloc(20000, 7));
  await closed;
}

async function chat(session) {
  const [stream, response] = await connect(session, '/chat', { 'sec-websocket-protocol': 'chat.v2, chat.v1' });
  const socket = open(stream, response);
  socket.on('error', () => {});
  const heard = new Promise((resolve) => socket.on('message', resolve));
  socket.send('Is anyone ', { fin: false });
  socket.send('there?');
  await heard;
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await new Promise((resolve) => stream.on('close', resolve));
}

async function converse() {
  const session = http2.connect(`http://127.0.0.1:${PORT}`);
  await new Promise((resolve) => session.on('remoteSettings', resolve));
  await Promise.all([get(session), feed(session), chat(session), get(session), connect(session, '/private', {}).then(([stream]) => stream.resume())]);
  await get(session);
  await new Promise((resolve) => session.close(resolve));
}

async function listening(port) {
  for (;;) {
    const there = await new Promise((resolve) => {
      const probe = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      probe.unref();
    });
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const server = new WebSocketServer({ host: '127.0.0.1', port: BEHIND, perMessageDeflate: { threshold: 0 } });
server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })));
const haproxy = spawn('haproxy', ['-db', '-f', process.argv[2]], { stdio: 'inherit' });
listening(READY).then(converse).finally(() => {
  haproxy.kill();
  server.close();
  for (const socket of server.clients) socket.terminate();
});
