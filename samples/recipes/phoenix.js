// phoenix: the client of Phoenix (npm `phoenix`) with version 2 of its serializer; the server is a few lines of ours that answer as the
// serializer of Phoenix.Socket does, as Elixir's packages are not to be had here. A channel is joined, another refuses, pushes are answered, one is not,
// binary payloads go both ways, a broadcast, heartbeats, the channel is left.
globalThis.self = globalThis;
const { Socket } = require('phoenix');
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 8103;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Phoenix.Socket.V2.JSONSerializer: kind, lengths of the texts, the texts, the payload. */
function binary(kind, texts, payload) {
  return Buffer.concat([Buffer.from([kind, ...texts.map((text) => Buffer.byteLength(text))]), ...texts.map((text) => Buffer.from(text)), payload]);
}

function read(data, isBinary) {
  if (!isBinary) return JSON.parse(data);
  const texts = [];
  let at = 5;
  for (const length of data.subarray(1, 5)) { texts.push(String(data.subarray(at, at + length))); at += length; }
  return [...texts, data.subarray(at)];
}

function serve(socket) {
  const send = (...message) => socket.send(JSON.stringify(message));
  socket.on('message', (data, isBinary) => {
    const [join, ref, topic, event, payload] = read(data, isBinary);
    const reply = (status, response) => send(join, ref, topic, 'phx_reply', { status, response });
    if (event === 'phx_join' && topic === 'room:closed') return reply('error', { reason: 'unauthorized' });
    if (event === 'silence') return undefined;
    if (isBinary) {
      socket.send(binary(1, [join, ref, topic, 'ok'], payload));
      return socket.send(binary(2, [topic, 'bytes'], payload));
    }
    reply('ok', event === 'echo' ? payload : {});
    if (event === 'echo') send(null, null, topic, 'said', payload);
    if (event === 'phx_leave') send(join, join, topic, 'phx_close', {});
    return undefined;
  });
}

const answered = (push) => new Promise((done) => push.receive('ok', done).receive('error', done).receive('timeout', () => done('timeout')));

async function main() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: PORT });
  server.on('connection', serve);
  const socket = new Socket(`ws://127.0.0.1:${PORT}/socket`, { transport: WebSocket, heartbeatIntervalMs: 150, params: { token: 'sample' } });
  socket.connect();
  const room = socket.channel('room:lobby', { name: 'Ada' });
  const heard = new Promise((done) => room.on('said', done));
  console.log(await answered(room.join()));
  console.log(await answered(socket.channel('room:closed').join()));
  console.log(await answered(room.push('echo', { text: 'grüß dich' })), await heard);
  console.log(await answered(room.push('silence', {}, 50)));
  console.log(await answered(room.push('bytes', new Uint8Array([0, 1, 254]).buffer)));
  await pause(250);
  await answered(room.leave());
  await pause(50);
  await new Promise((done) => socket.disconnect(done));
  setTimeout(() => process.exit(), 200);
}

main();
