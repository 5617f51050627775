// xmpp: prosody's WebSocket module and two clients. @xmpp/client signs in with SCRAM, asks for the version and for something that nobody
// knows, pings, sends a message to itself. strophe.js signs in anonymously, joins in the talk and leaves.
const { spawn, execFileSync } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, writeFileSync } = require('node:fs');
const net = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
globalThis.WebSocket = require('ws').WebSocket;
const { client, xml } = require('@xmpp/client');

const PORT = 8096;
const listens = () => new Promise((done) => {
  const socket = net.connect(5380, '127.0.0.1', () => { socket.destroy(); done(true); }).on('error', () => done(false));
});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function configuration(folder) {
  return `pidfile = "${folder}/prosody.pid"
run_as_root = true
data_path = "${folder}"
admins = {}
modules_enabled = { "roster", "saslauth", "disco", "version", "ping", "websocket", "presence", "message", "iq", "offline" }
modules_disabled = { "s2s", "tls" }
c2s_ports = { 5333 }
c2s_interfaces = { "127.0.0.1" }
http_ports = { ${PORT}, 5380 }
http_interfaces = { "127.0.0.1" }
https_ports = { }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_websocket_secure = true
log = { info = "*console" }
VirtualHost "localhost"
  authentication = "internal_hashed"
VirtualHost "guests.localhost"
  authentication = "anonymous"
`;
}

async function signedIn() {
  const xmpp = client({ service: `ws://127.0.0.1:${PORT}/xmpp-websocket`, domain: 'localhost', username: 'ada', password: 'lovelace', resource: 'sample' });
  xmpp.on('error', console.error);
  xmpp.on('stanza', (stanza) => console.log(String(stanza).slice(0, 100)));
  await xmpp.start();
  await xmpp.send(xml('presence'));
  await xmpp.iqCaller.get(xml('query', 'jabber:iq:version'), 'localhost');
  await xmpp.iqCaller.request(xml('iq', { type: 'get', to: 'localhost' }, xml('ping', 'urn:xmpp:ping')));
  await xmpp.iqCaller.get(xml('query', 'urn:example:unknown'), 'localhost').catch((error) => console.log(error.condition));
  await xmpp.iqCaller.get(xml('query', 'jabber:iq:roster'));
  await xmpp.send(xml('message', { type: 'chat', to: 'ada@localhost', id: 'm1' }, xml('body', {}, 'Notes on the Engine & more'), xml('active', 'http://jabber.org/protocol/chatstates')));
  await pause(200);
  await xmpp.stop();
}

async function anonymous() {

  const { Strophe, $iq, $msg, $pres } = require('strophe.js');
  const connection = new Strophe.Connection(`ws://127.0.0.1:${PORT}/xmpp-websocket`, { protocol: 'ws' });
  await new Promise((done) => connection.connect('guests.localhost', null, (status) => {
    console.log('status', status);
    if (status === Strophe.Status.CONNECTED) done();
  }));
  connection.send($pres());
  await new Promise((done) => connection.sendIQ($iq({ type: 'get', to: 'guests.localhost' }).c('query', { xmlns: 'http://jabber.org/protocol/disco#info' }), done, done));
  connection.send($msg({ to: connection.jid, type: 'chat' }).c('body').t('to myself'));
  await pause(200);
  connection.disconnect('done');
  await pause(300);
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'xmpp-'));
  const config = join(folder, 'prosody.cfg.lua');
  writeFileSync(config, configuration(folder));
  execFileSync('prosodyctl', ['--config', config, '--root', 'register', 'ada', 'localhost', 'lovelace']);
  const server = spawn('prosody', ['--config', config, '--root', '-F'], { stdio: ['ignore', 'ignore', 'inherit'] });
  while (!(await listens())) await pause(50);
  process.on('exit', () => server.kill());
  await signedIn();
  await anonymous();
  server.kill();
  await once(server, 'exit');
  process.exit();
}

main();
