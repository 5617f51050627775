// rpc: two servers on one port, one after the other. rpc-websockets (JSON-RPC 2.0): a call, one that fails, a notification of the
// server, one call that is never answered. Then fox-wamp with two wampy clients (WAMP in JSON): a procedure is registered and
// called, a call fails, a topic is subscribed to and published with and without acknowledgement.
const { Client, Server } = require('rpc-websockets');
const { Wampy } = require('wampy');
const FoxRouter = require('fox-wamp');
const { WebSocket } = require('ws');

const PORT = 8091;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function jsonRpc() {
  const server = new Server({ port: PORT, host: '127.0.0.1' });
  await new Promise((done) => server.on('listening', done));
  server.register('sum', ([a, b]) => a + b);
  server.register('never', () => new Promise(() => {}));
  server.event('tick');
  const client = new Client(`ws://127.0.0.1:${PORT}`, { reconnect: false });
  await new Promise((done) => client.on('open', done));
  await client.subscribe('tick');
  console.log(await client.call('sum', [2, 3]));
  await client.call('missing').catch((error) => console.log(error.message));
  server.emit('tick', { at: 1 });
  client.call('never').catch(() => {});
  await pause(100);
  client.close();
  await pause(100);
  await server.close();
}

async function wamp() {
  const router = new FoxRouter();
  router.listenWAMP({ port: PORT, host: '127.0.0.1' });
  await pause(100);
  const connect = async () => {
    const peer = new Wampy(`ws://127.0.0.1:${PORT}/`, {
      realm: 'realm1', ws: WebSocket, autoReconnect: false,
    });
    await peer.connect();
    return peer;
  };
  const [callee, caller] = [await connect(), await connect()];
  await callee.register('com.example.sum', ({ argsList }) => ({ argsList: [argsList[0] + argsList[1]] }));
  await callee.subscribe('com.example.news', ({ argsList }) => console.log(argsList));
  console.log((await caller.call('com.example.sum', [20, 22])).argsList);
  await caller.call('com.example.missing').catch((error) => console.log(error.errorUri ?? error.error));
  await caller.publish('com.example.news', ['acknowledged', { bytes: 3 }]);
  await pause(100);
  await caller.disconnect();
  await callee.disconnect();
}

async function main() {
  await jsonRpc();
  await wamp();
  setTimeout(() => process.exit(), 200);
}

main();
