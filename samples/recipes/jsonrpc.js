// jsonrpc: JSON-RPC 2.0. jayson: calls, one that fails, one that is unknown, a notification, a batch with a notification in it, an empty
// batch. json-rpc-2.0: both sides call, with strings for identifiers.
const { once } = require('node:events');
const jayson = require('jayson');
const { JSONRPCClient, JSONRPCServer, JSONRPCServerAndClient } = require('json-rpc-2.0');
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 8106;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function open(path) {
  const socket = new WebSocket(`ws://127.0.0.1:${PORT}${path}`, { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

async function batches(server) {
  new jayson.Server({
    add: ([a, b], done) => done(null, a + b),
    fails: (_, done) => done({ code: 7, message: 'it fails' }),
    log: (_, done) => done(),
  }).websocket({ wss: server });
  const socket = await open('/jayson');
  const client = jayson.Client.websocket({ ws: socket });
  const call = (...request) => new Promise((done) => client.request(...request, () => done()));
  const made = (method, params, id) => client.request(method, params, id, false);
  await call('add', [1, 2]);
  await call('fails', []);
  await call('unknown', { named: true });
  client.request('log', ['noted'], null, () => {});
  await call([made('add', [3, 4]), made('log', ['in a batch'], null), made('add', [5, 6], 'named'), made('fails', [])]);
  socket.send('[]');
  await pause(50);
  socket.close();
  await once(socket, 'close');
  server.removeAllListeners('connection');
}

async function bothWays(server) {
  const peer = (socket) => {
    let last = 0;
    const sent = new JSONRPCClient((message) => socket.send(JSON.stringify(message)), () => `${last += 1}`);
    const both = new JSONRPCServerAndClient(new JSONRPCServer(), sent);
    socket.on('message', (message) => both.receiveAndSend(JSON.parse(message)));
    return both;
  };
  server.on('connection', (socket) => {
    const worker = peer(socket);
    worker.addMethod('work', async ({ steps }) => {
      for (let step = 1; step <= steps; step += 1) worker.notify('progress', { step });
      return (await worker.request('confirm', { steps })) ? 'done' : 'left';
    });
  });
  const socket = await open('/both-ways');
  const client = peer(socket);
  client.addMethod('progress', () => {});
  client.addMethod('confirm', () => true);
  console.log(await client.request('work', { steps: 2 }));
  socket.close();
  await once(socket, 'close');
}

async function main() {
  const server = new WebSocketServer({ port: PORT, host: '127.0.0.1' });
  await once(server, 'listening');
  await batches(server);
  await bothWays(server);
  setTimeout(() => process.exit(), 100);
}

main();
