// cable: @rails/actioncable: a channel that is subscribed to, one that rejects, an action whose answer all get, the pings of the server, a subscription that
// is left; the server ends the connection.
globalThis.self = globalThis;
globalThis.document = { visibilityState: 'visible', addEventListener() {}, removeEventListener() {} };
globalThis.addEventListener = () => {};
globalThis.removeEventListener = () => {};

const PORT = 8102;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  const { createConsumer, adapters } = require('@rails/actioncable');
  const { WebSocket } = require('ws');
  adapters.WebSocket = class extends WebSocket {
    constructor(url, protocols) { super(url, protocols, { perMessageDeflate: false, origin: `http://127.0.0.1:${PORT}` }); }
  };
  const consumer = createConsumer(`ws://127.0.0.1:${PORT}/cable`);
  const subscribe = (channel, room) => new Promise((done) => {
    const waiting = [];
    const subscription = consumer.subscriptions.create({ channel, room }, {
      connected: () => done(subscription), rejected: () => done(null),
      received: (data) => { console.log(data); waiting.splice(0).forEach((told) => told(data)); },
    });
    subscription.next = () => new Promise((told) => waiting.push(told));
  });
  const open = await subscribe('ChatChannel', 'open');
  console.log(await subscribe('ChatChannel', 'closed'));
  const heard = open.next();
  open.perform('speak', { text: 'grüß dich' });
  await heard;
  await pause(3200);
  const other = await subscribe('ChatChannel', 'other');
  other.unsubscribe();
  open.perform('close');
  await pause(300);
  process.exit();
}

main();
