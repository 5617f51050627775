// signalr: @microsoft/signalr against aiosignalr, first the JSON hub protocol, then MessagePack, then JSON with acknowledgements (stateful
// reconnect): invocations with result and error, a stream of the server read whole and one stopped, a stream of the client, a message without answer
// that is sent to all, pings.
globalThis.WebSocket = require('ws').WebSocket;
const { HubConnectionBuilder, HttpTransportType, LogLevel, Subject } = require('@microsoft/signalr');
const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');

const PORT = 8101;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const builder = () => new HubConnectionBuilder().withUrl(`http://127.0.0.1:${PORT}/hub`, HttpTransportType.WebSockets).configureLogging(LogLevel.Warning).withKeepAliveInterval(120);

async function converse(hub) {
  const said = new Promise((done) => hub.on('said', (...what) => done(what)));
  await hub.start();
  console.log(await hub.invoke('Add', 20, 22));
  await hub.invoke('Fails').catch((error) => console.log(error.message));
  await hub.invoke('NoSuch').catch((error) => console.log(error.message));
  await new Promise((done) => hub.stream('Count', 3).subscribe({ next: console.log, complete: done, error: done }));
  await new Promise((done) => { const stop = hub.stream('Count', 100).subscribe({ next: (n) => { if (n === 1) { stop.dispose(); done(); } }, complete() {}, error() {} }); });
  const numbers = new Subject();
  const sum = hub.invoke('Sum', numbers);
  for (const n of [1, 2, 3]) numbers.next(n);
  numbers.complete();
  console.log(await sum);
  await hub.send('Say', 'grüß dich');
  console.log(await said);
  await pause(250);
  await hub.stop();
}

async function main() {
  await converse(builder().build());
  await converse(builder().withHubProtocol(new MessagePackHubProtocol()).build());
  await converse(builder().withStatefulReconnect().build());
  setTimeout(() => process.exit(), 200);
}

main();
