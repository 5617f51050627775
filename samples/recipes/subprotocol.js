// subprotocol: ordinary HTTP requests, then an upgrade on the same TCP connection, on an odd port.
// First connection: GET, HEAD, POST with a chunked answer, then graphql-transport-ws (graphql-ws on both sides): a query and
// a subscription of three events. Second connection: mqtt (mqtt.js against aedes), which writes a packet as several messages.
const http = require('node:http');
const { once } = require('node:events');
const { buildSchema } = require('graphql');
const { createClient } = require('graphql-ws');
const { useServer } = require('graphql-ws/use/ws');
const { Aedes } = require('aedes');
const mqtt = require('mqtt');
const { WebSocket, WebSocketServer, createWebSocketStream } = require('ws');

const PORT = 49213;

const schema = buildSchema('type Query { hello: String } type Subscription { greetings: String }');
const roots = {
  query: { hello: 'Hello from GraphQL' },
  subscription: { greetings: async function* () { for (const hi of ['Hi', 'Bonjour', 'こんにちは']) yield { greetings: hi }; } },
};

const server = http.createServer((request, response) => {
  request.resume();
  response.setHeader('Content-Type', 'text/plain');
  if (request.method === 'POST') {
    response.write('chunk one\n'); // no Content-Length: chunked
    return response.end('chunk two\n');
  }
  response.setHeader('Content-Length', 6);
  return response.end('hello\n');
});
const graphql = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const broker = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols: () => 'mqtt' });
useServer({ schema, roots }, graphql);

server.on('upgrade', (request, socket, head) => {
  const chosen = request.url === '/mqtt' ? broker : graphql;
  chosen.handleUpgrade(request, socket, head, (websocket) => chosen.emit('connection', websocket, request));
});

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

async function fetchText(method, path, body) {
  const request = http.request({ host: '127.0.0.1', port: PORT, method, path, agent });
  request.end(body);
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
}

class OnTheSameConnection extends WebSocket {
  constructor(address, protocols) {
    super(address, protocols, { agent, perMessageDeflate: false });
  }
}

async function graphqlConversation() {
  const client = createClient({ url: `ws://127.0.0.1:${PORT}/graphql`, webSocketImpl: OnTheSameConnection, lazy: false });
  for (const query of ['{ hello }', 'subscription { greetings }']) {
    for await (const result of client.iterate({ query })) console.log(JSON.stringify(result));
  }
  await client.dispose();
}

async function mqttConversation() {
  const client = await mqtt.connectAsync(`ws://127.0.0.1:${PORT}/mqtt`, {
    clientId: 'wscope-sample', reconnectPeriod: 0, wsOptions: { perMessageDeflate: false },
  });
  await client.subscribeAsync('samples/#', { qos: 1 });
  const received = once(client, 'message');
  await client.publishAsync('samples/greeting', 'hello over MQTT', { qos: 1 });
  console.log((await received)[1].toString());
  await client.endAsync();
}

async function main() {
  const aedes = await Aedes.createBroker();
  broker.on('connection', (websocket) => aedes.handle(createWebSocketStream(websocket)));
  server.listen(PORT, '127.0.0.1');
  await once(server, 'listening');
  await fetchText('GET', '/');
  await fetchText('HEAD', '/');
  await fetchText('POST', '/upload', 'some=form&data=here');
  await graphqlConversation();
  await mqttConversation();
  setTimeout(() => process.exit(), 200); // the broker keeps timers
}

main();
