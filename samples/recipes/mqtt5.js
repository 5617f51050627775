// mqtt5: mosquitto's WebSocket listener and mqtt.js with MQTT 5: user properties, topic aliases, subscription identifiers, QoS 0 to 2,
// a retained message, a request with response topic and correlation data, a refused unsubscription, a will that is sent when
// its client vanishes, a keep-alive. A last client speaks MQTT 3.1.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const mqtt = require('mqtt');

const PORT = 8095;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const connect = (clientId, more = {}) => mqtt.connectAsync(`ws://127.0.0.1:${PORT}/mqtt`, {
  clientId, protocolVersion: 5, reconnectPeriod: 0, wsOptions: { perMessageDeflate: false }, ...more,
});

async function main() {
  const config = join(mkdtempSync(join(tmpdir(), 'mqtt-')), 'mosquitto.conf');
  writeFileSync(config, `listener 1884 127.0.0.1\nlistener ${PORT}\nprotocol websockets\nallow_anonymous true\n`);
  const server = spawn('mosquitto', ['-c', config], { stdio: ['ignore', 'inherit', 'pipe'] });
  for await (const line of server.stderr) if (String(line).includes('running')) break;

  const service = await connect('service', { properties: { sessionExpiryInterval: 60, topicAliasMaximum: 5, receiveMaximum: 20 } });
  service.on('message', (topic, payload, { properties, qos }) => {
    console.log(topic, String(payload), qos, JSON.stringify(properties));
    if (topic !== 'math/sum') return;
    const { responseTopic, correlationData } = properties;
    service.publish(responseTopic, JSON.stringify(JSON.parse(payload).reduce((a, b) => a + b)), { properties: { correlationData, contentType: 'application/json' } });
  });
  await service.subscribeAsync('math/+', { qos: 1, properties: { subscriptionIdentifier: 7, userProperties: { from: 'sample' } } });
  await service.subscribeAsync({ 'news/#': { qos: 2, nl: true, rap: true, rh: 1 }, '$share/group/jobs': { qos: 1 } }, { properties: { subscriptionIdentifier: 300 } });
  await service.subscribeAsync('news/today', { qos: 1, properties: { subscriptionIdentifier: 301 } });

  const client = await connect('', {
    keepalive: 1, autoUseTopicAlias: true, properties: { requestResponseInformation: true, userProperties: { who: ['a', 'b'] } },
    will: { topic: 'news/gone', payload: 'the client vanished', qos: 1, properties: { willDelayInterval: 0, contentType: 'text/plain' } },
  });
  const answered = once(client, 'message');
  await client.subscribeAsync('answers/1');
  await client.publishAsync('math/sum', '[20,22]', { qos: 1, properties: { responseTopic: 'answers/1', correlationData: Buffer.from([0, 1, 254]), messageExpiryInterval: 30 } });
  console.log(String((await answered)[1]));
  for (const qos of [0, 1, 2]) {
    await client.publishAsync('news/today', `quality ${qos}`, { qos, properties: { payloadFormatIndicator: true, userProperties: { nr: String(qos) } } });
  }
  await client.publishAsync('weather', Buffer.from([0x80, 0xff]), { retain: true });
  await client.subscribeAsync('weather');
  await client.publishAsync('nobody/listens', '', { qos: 1 });
  await client.unsubscribeAsync(['answers/1', 'never/subscribed']);
  await pause(1200);
  client.stream.destroy();
  await pause(100);
  await service.endAsync(false, { reasonCode: 4, properties: { reasonString: 'done' } });

  const old = await connect('old', { protocolId: 'MQIsdp', protocolVersion: 3 });
  await old.subscribeAsync('news/#', { qos: 2 });
  const received = once(old, 'message');
  await old.publishAsync('news/old', 'MQTT 3.1', { qos: 2 });
  await received;
  await pause(100);
  await old.endAsync();
  server.kill();
  await once(server, 'exit');
  process.exit();
}

main();
