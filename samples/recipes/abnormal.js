// abnormal: five connections that end without a closing handshake (browsers report 1006), Node `ws` on both sides.
//   /reset    the server resets the connection (RST)         /vanish   the client lets go of its socket (FIN, no Close)
//   /half     the server dies inside a frame of 1000 bytes   /mute     the client closes with 1000, the server never answers
//   /killed   the server process is killed (SIGKILL)
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 9001;

function serve() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: PORT, perMessageDeflate: false });
  server.on('connection', (socket, request) => {
    socket.send(`you asked for ${request.url}`);
    const wire = socket._socket;
    socket.on('message', () => {
      if (request.url === '/reset') wire.resetAndDestroy();
      if (request.url === '/half') wire.end(Buffer.concat([Buffer.from([0x82, 126, 0x03, 0xe8]), Buffer.alloc(400, 0x5a)]));
      if (request.url === '/killed') process.kill(process.pid, 'SIGKILL');
    });
    if (request.url === '/mute') {
      socket._receiver.removeAllListeners('conclude');
      setTimeout(() => wire.destroy(), 300);
    }
  });
  server.on('listening', () => process.send('listening'));
}

async function visit(path) {
  const socket = new WebSocket(`ws://127.0.0.1:${PORT}${path}`, { perMessageDeflate: false });
  socket.on('error', (error) => console.log(path, error.message));
  socket.on('message', () => {
    socket.send('go on');
    if (path === '/vanish') setTimeout(() => socket.terminate(), 50);
    if (path === '/mute') setTimeout(() => socket.close(1000, 'anyone?'), 50);
  });
  const code = await new Promise((resolve) => socket.on('close', resolve)); // events.once would reject on 'error'
  console.log(path, code);
}

async function main() {
  const server = fork(__filename, ['serve']);
  await once(server, 'message');
  for (const path of ['/reset', '/half', '/vanish', '/mute', '/killed']) await visit(path);
}

if (process.argv[2] === 'serve') serve();
else main();
