// jetstream: nats-server's JetStream and nats.ws: a stream, three messages published with acknowledgement, a consumer that pulls more than there
// are (with idle heartbeats while it waits), acknowledges two and terminates one, and a pull in vain.
const { spawn } = require('node:child_process');
const { mkdtempSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { AckPolicy, StringCodec, connect } = require('nats.ws');
globalThis.WebSocket = require('ws').WebSocket;

const PORT = 8107;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'jetstream-'));
  const config = join(folder, 'nats.conf');
  writeFileSync(config, `listen: 127.0.0.1:4223\njetstream { store_dir: "${folder}" }\nwebsocket { listen: "127.0.0.1:${PORT}"\nno_tls: true }\n`);
  const server = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'inherit', 'pipe'] });
  for await (const line of server.stderr) if (String(line).includes('Server is ready')) break;

  const { encode } = StringCodec();
  const client = await connect({ servers: `ws://127.0.0.1:${PORT}` });
  const manager = await client.jetstreamManager();
  await manager.streams.add({ name: 'NEWS', subjects: ['news.*'] });
  const stream = client.jetstream();
  for (const topic of ['a', 'b', 'c']) await stream.publish(`news.${topic}`, encode(`about ${topic}`));
  await manager.consumers.add('NEWS', { durable_name: 'reader', ack_policy: AckPolicy.Explicit });
  const reader = await stream.consumers.get('NEWS', 'reader');
  for await (const message of await reader.fetch({ max_messages: 4, expires: 1200 })) {
    if (message.seq < 3) message.ack(); else message.term();
  }
  console.log(await reader.next({ expires: 1000 }));
  await client.close();
  server.kill();
  await pause(100);
  process.exit();
}

main();
