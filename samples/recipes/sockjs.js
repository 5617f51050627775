// sockjs: stomp-broker-js behind a SockJS server; @stomp/stompjs over sockjs-client, two clients: CONNECT, SUBSCRIBE, SEND,
// MESSAGE, DISCONNECT with a receipt. Heart-beats of SockJS every 200 ms.
const http = require('node:http');
const { once } = require('node:events');
const SockJS = require('sockjs-client');
const { Client } = require('@stomp/stompjs');
const Broker = require('stomp-broker-js');

const PORT = 8092;

async function main() {
  const server = http.createServer();
  new Broker({ server, path: '/stomp', protocol: 'sockjs', protocolConfig: { heartbeat_delay: 200 }, heartbeat: [0, 0] });
  server.listen(PORT, '127.0.0.1');
  await once(server, 'listening');
  const connect = async () => {
    const client = new Client({
      webSocketFactory: () => new SockJS(`http://127.0.0.1:${PORT}/stomp`, null, { transports: ['websocket'] }),
      heartbeatIncoming: 0, heartbeatOutgoing: 0, reconnectDelay: 0,
    });
    await new Promise((done) => { client.onConnect = done; client.activate(); });
    return client;
  };
  const [reader, writer] = [await connect(), await connect()];
  const received = new Promise((done) => reader.subscribe('/topic/news', done));
  writer.publish({ destination: '/topic/news', body: '{"hello":"SockJS"}', headers: { 'content-type': 'application/json' } });
  console.log((await received).body);
  await new Promise((done) => setTimeout(done, 300));
  await writer.deactivate();
  await reader.deactivate();
  setTimeout(() => process.exit(), 200);
}

main();
