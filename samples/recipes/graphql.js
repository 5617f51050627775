// graphql: the older subprotocol graphql-ws between client and server of subscriptions-transport-ws: an operation, a subscription that is stopped,
// a field that fails, an operation that does not parse, keep-alives of the server. Then graphql-transport-ws of graphql-ws with its
// pings, an operation that fails, one stopped by the client, and a connection that is refused.
const { once } = require('node:events');
const { GraphQLObjectType, GraphQLSchema, GraphQLString, execute, subscribe } = require('graphql');
const { SubscriptionClient, SubscriptionServer } = require('subscriptions-transport-ws');
const { createClient } = require('graphql-ws');
const { useServer } = require('graphql-ws/use/ws');
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 8099;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function* tick() { for (let n = 1; ; n += 1) { yield { tick: `tick ${n}` }; await pause(20); } }
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: {
    hello: { type: GraphQLString, args: { name: { type: GraphQLString } }, resolve: (_, { name }) => `hello ${name}` },
    fails: { type: GraphQLString, resolve: () => { throw new Error('it fails'); } },
  } }),
  subscription: new GraphQLObjectType({ name: 'Subscription', fields: { tick: { type: GraphQLString, subscribe: tick } } }),
});
const hello = { query: 'query Hello($name: String) { hello(name: $name) }', variables: { name: 'Ada' }, operationName: 'Hello' };

class Plain extends WebSocket {
  constructor(address, protocols) { super(address, protocols, { perMessageDeflate: false }); }
}

async function older() {
  const wss = new WebSocketServer({ host: '127.0.0.1', port: PORT, handleProtocols: () => 'graphql-ws' });
  SubscriptionServer.create({ schema, execute, subscribe, keepAlive: 50, onConnect: () => ({}) }, wss);
  await once(wss, 'listening');
  const client = new SubscriptionClient(`ws://127.0.0.1:${PORT}/graphql`, { reconnect: false, connectionParams: { token: 'sample' } }, Plain);
  const all = (request) => new Promise((done) => client.request(request).subscribe({ next: (it) => console.log(JSON.stringify(it)), error: done, complete: done }));
  await all(hello);
  await all({ query: '{ fails }' });
  await all({ query: '{ nowhere' });
  let stop;
  await new Promise((done) => { stop = client.request({ query: 'subscription Ticks { tick }' }).subscribe({ next: ({ data }) => data.tick === 'tick 3' && done() }); });
  stop.unsubscribe();
  await pause(80);
  client.close();
  await pause(50);
  wss.close();
}

async function newer() {
  const wss = new WebSocketServer({ host: '127.0.0.1', port: PORT });
  useServer({ schema, onConnect: ({ connectionParams }) => connectionParams?.token === 'sample' }, wss);
  await once(wss, 'listening');
  const client = createClient({ url: `ws://127.0.0.1:${PORT}/graphql`, webSocketImpl: Plain, connectionParams: { token: 'sample' }, keepAlive: 60, retryAttempts: 0, lazy: false });
  for (const request of [hello, { query: '{ fails }' }, { query: '{ nowhere }' }]) {
    try { for await (const it of client.iterate(request)) console.log(JSON.stringify(it)); } catch (error) { console.log(error[0].message); }
  }
  for await (const { data } of client.iterate({ query: 'subscription { tick }' })) if (data.tick === 'tick 3') break;
  await pause(150);
  await client.dispose();
  const refused = createClient({ url: `ws://127.0.0.1:${PORT}/graphql`, webSocketImpl: Plain, retryAttempts: 0 });
  await refused.iterate(hello).next().catch((error) => console.log(error.code, error.reason));
}

async function main() {
  await older();
  await newer();
  setTimeout(() => process.exit(), 200);
}

main();
