// wamp: autobahn against crossbar, one connection for each of CBOR, MessagePack and JSON: a procedure registered by the last is called by all, with
// progress and without, one fails, one is not there, a topic is subscribed to, published with acknowledgement and without, and left.
const { once } = require('node:events');
const autobahn = require('autobahn');

const PORT = 8098;

function connect(serializer) {
  const connection = new autobahn.Connection({ url: `ws://127.0.0.1:${PORT}/ws`, realm: 'realm1', serializers: [serializer], max_retries: 0 });
  return new Promise((done) => { connection.onopen = (session) => done({ connection, session }); connection.open(); });
}

async function main() {
  const { serializer } = autobahn;
  const kinds = [new serializer.CBORSerializer(), new serializer.MsgpackSerializer(), new serializer.JSONSerializer()];
  const peers = [];
  for (const kind of kinds) peers.push(await connect(kind));
  const { session: callee } = peers[2];
  const registered = [
    await callee.register('com.example.sum', (args) => args.reduce((a, b) => a + b, 0)),
    await callee.register('com.example.count', ([upto], _, details) => { for (let n = 1; n < upto; n += 1) details.progress([n]); return upto; }),
    await callee.register('com.example.fails', () => { throw new autobahn.Error('com.example.refused', ['not today'], { code: 7 }); }),
  ];
  for (const { session } of peers) {
    const news = await session.subscribe('com.example.news', ([text], { n }) => console.log(text, n));
    console.log(await session.call('com.example.sum', [20, 22]));
    await session.call('com.example.count', [3], {}, { receive_progress: true });
    for (const name of ['fails', 'missing']) await session.call(`com.example.${name}`).catch((error) => console.log(error.error));
    await session.publish('com.example.news', ['acknowledged'], { n: 1.5 }, { acknowledge: true, exclude_me: false });
    session.publish('com.example.news', ['not acknowledged'], { n: null });
    await session.unsubscribe(news);
  }
  await callee.unregister(registered[0]);
  for (const { connection } of peers) connection.close();
  setTimeout(() => process.exit(), 300);
}

main();
