// socketio: a Socket.IO 4 server, three clients. The first begins with long polling and is upgraded: events with acknowledgements, a
// binary event answered by one with two attachments, a namespace. The second starts with WebSocket. The third is a Socket.IO 2
// client (Engine.IO 3). Engine.IO pings every 150 ms.
const http = require('node:http');
const { once } = require('node:events');
const { Server } = require('socket.io');
const { io } = require('socket.io-client');
const io2 = require('socket.io-client-v2');

const PORT = 8090;
const url = `http://127.0.0.1:${PORT}`;

const server = http.createServer();
const sockets = new Server(server, { allowEIO3: true, pingInterval: 150, pingTimeout: 1000, perMessageDeflate: false });
function serve(socket) {
  socket.on('sum', (a, b, done) => done({ sum: a + b }));
  socket.on('bytes', (bytes, done) => { socket.emit('twice', bytes, { again: bytes }); done(bytes.length); });
  socket.on('silence', () => {});
}
sockets.on('connection', serve);
sockets.of('/chat').on('connection', serve);

const ask = (socket, ...what) => new Promise((done) => socket.emit(...what, done));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function upgraded() {
  const socket = io(`${url}/chat`, { forceNew: true, auth: { token: 'sample' } });
  const upgrade = new Promise((done) => socket.io.on('open', () => socket.io.engine.on('upgrade', done)));
  await new Promise((done) => socket.on('connect', done));
  await upgrade;
  console.log(await ask(socket, 'sum', 2, 3));
  const twice = new Promise((done) => socket.on('twice', done));
  console.log(await ask(socket, 'bytes', Buffer.from([0, 1, 254, 255])), await twice);
  socket.emit('silence', () => {});
  await pause(200);
  socket.disconnect();
}

async function direct() {
  const socket = io(url, { forceNew: true, transports: ['websocket'] });
  await new Promise((done) => socket.on('connect', done));
  console.log(await ask(socket, 'sum', 40, 2));
  socket.disconnect();
}

async function older() {
  const socket = io2(url, { forceNew: true, transports: ['websocket'] });
  await new Promise((done) => socket.on('connect', done));
  console.log(await ask(socket, 'sum', 1, 1), await ask(socket, 'bytes', Buffer.from('v2')));
  socket.disconnect();
}

async function main() {
  server.listen(PORT, '127.0.0.1');
  await once(server, 'listening');
  await upgraded();
  await direct();
  await older();
  setTimeout(() => process.exit(), 200);
}

main();
