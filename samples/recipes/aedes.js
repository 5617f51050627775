// aedes: aedes behind `ws`, and mqtt.js in its versions 3.1.1 and 3.1 (aedes has no 5): each of both writes a packet as several messages.
// QoS 0 to 2, a retained message, an empty payload, unsubscribing, keep-alives, and a client that vanishes, whose will is sent. A client of
// version 5 is refused.
const { once } = require('node:events');
const { Aedes } = require('aedes');
const mqtt = require('mqtt');
const { WebSocketServer, createWebSocketStream } = require('ws');

const PORT = 8104;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const connect = (clientId, more = {}) => mqtt.connectAsync(`ws://127.0.0.1:${PORT}/mqtt`, {
  clientId, reconnectPeriod: 0, wsOptions: { perMessageDeflate: false }, ...more,
});

async function main() {
  const broker = await Aedes.createBroker();
  const server = new WebSocketServer({ port: PORT, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request));

  const sensor = await connect('sensor', { keepalive: 1, will: { topic: 'room/gone', payload: 'vanished', qos: 1 } });
  await sensor.publishAsync('room/light', '{"lux":300}', { qos: 1, retain: true });
  const reader = await connect('reader');
  await reader.subscribeAsync({ 'room/#': { qos: 2 } });
  await sensor.publishAsync('room/heat', Buffer.from([0, 0xff, 21]), { qos: 2 });
  await sensor.publishAsync('room/empty', '', { qos: 0 });
  await pause(1200);
  sensor.stream.destroy();
  await once(reader, 'message');
  await reader.unsubscribeAsync('room/#');
  await reader.endAsync();

  const old = await connect('old', { protocolId: 'MQIsdp', protocolVersion: 3 });
  await old.publishAsync('room/old', 'MQTT 3.1', { qos: 1 });
  await old.endAsync();
  await connect('new', { protocolVersion: 5 }).catch((error) => console.log(error.message));
  await pause(100);
  process.exit();
}

main();
