// nats: nats-server with its WebSocket listener and nats.ws: a service answers two requests of another client, one request without a
// service is answered with status 503, headers are published.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
globalThis.WebSocket = require('ws').WebSocket;
const { connect, headers, JSONCodec } = require('nats.ws');

const PORT = 8094;

async function main() {
  const config = join(mkdtempSync(join(tmpdir(), 'nats-')), 'nats.conf');
  writeFileSync(config, `host: 127.0.0.1\nport: 4333\nwebsocket { host: 127.0.0.1, port: ${PORT}, no_tls: true }\n`);
  const server = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'inherit', 'pipe'] });
  for await (const line of server.stderr) if (String(line).includes('Server is ready')) break;
  const codec = JSONCodec();
  const [service, client] = [await connect({ servers: `ws://127.0.0.1:${PORT}` }), await connect({ servers: `ws://127.0.0.1:${PORT}` })];
  const requests = service.subscribe('sum', { queue: 'adders' });
  (async () => { for await (const request of requests) request.respond(codec.encode(codec.decode(request.data).reduce((a, b) => a + b))); })();
  await service.flush();
  for (const numbers of [[1, 2], [20, 22]]) console.log(codec.decode((await client.request('sum', codec.encode(numbers))).data));
  await client.request('nobody').catch((error) => console.log(error.code));
  const more = headers();
  more.set('Trace', 'sample');
  client.publish('news', codec.encode({ hello: 'NATS' }), { headers: more });
  await client.drain();
  await service.drain();
  server.kill();
  await once(server, 'exit');
  process.exit();
}

main();
