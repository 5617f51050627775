// connect-squid: Node `ws` through squid to Node `ws`, with authentication.
//   node connect_squid.js SCRATCH
// First TCP connection: CONNECT without credentials (407), CONNECT with them (200), then the upgrade /tunnelled inside.
// Second: an ordinary request in absolute form, then the upgrade /absolute in absolute form, which squid forwards.
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { WebSocket, WebSocketServer } = require('ws');

const PORT = 8091;
const BEHIND = 8092;
const READY = 8093;
const CREDENTIALS = `Basic ${Buffer.from('guest:opensesame').toString('base64')}`;

function startSquid(scratch) {
  const folder = fs.mkdtempSync(path.join(scratch, 'squid-'));
  const users = path.join(folder, 'users');
  fs.writeFileSync(users, `guest:${execFileSync('openssl', ['passwd', '-apr1', 'opensesame'])}`);
  const config = path.join(folder, 'squid.conf');
  fs.writeFileSync(config, `
http_port 127.0.0.1:${PORT}
http_port 127.0.0.1:${READY}
auth_param basic program /usr/lib/squid/basic_ncsa_auth ${users}
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
http_upgrade_request_protocols websocket allow all
client_persistent_connections on
cache deny all
access_log none
cache_log ${folder}/cache.log
pid_filename none
shutdown_lifetime 0 seconds
`);
  fs.chmodSync(scratch, 0o755);
  execFileSync('chown', ['-R', 'proxy:', folder]);
  return spawn('squid', ['-N', '-f', config], { stdio: 'inherit' });
}

async function listening(port) {
  for (;;) {
    const there = await new Promise((resolve) => {
      net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false)).unref();
    });
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function converse(socket, text) {
  socket.on('open', () => socket.send(text));
  socket.on('message', () => socket.close(1000, 'heard'));
  return new Promise((resolve, reject) => socket.on('close', resolve).on('error', reject));
}

async function tunnelled() {
  // Node hands the socket of any answer to a CONNECT over; the refusal's body is read here.
  const socket = net.connect(PORT, '127.0.0.1');
  const ask = (more) => socket.write(`CONNECT 127.0.0.1:${BEHIND} HTTP/1.1\r\nHost: 127.0.0.1:${BEHIND}\r\nProxy-Connection: keep-alive\r\n${more}\r\n`);
  const answer = (whole) => new Promise((resolve) => {
    let head = '';
    socket.on('data', function listen(bytes) {
      head += bytes.toString('latin1');
      if (!whole(head)) return;
      socket.off('data', listen);
      resolve(head);
    });
  });
  ask('');
  await answer((text) => text.includes('</html>'));
  ask(`Proxy-Authorization: ${CREDENTIALS}\r\n`);
  await answer((text) => text.endsWith('\r\n\r\n'));
  await converse(new WebSocket(`ws://127.0.0.1:${BEHIND}/tunnelled`, { createConnection: () => socket, perMessageDeflate: false }), 'through the tunnel');
}

async function absolute() {
  const through = new http.Agent({ keepAlive: true, maxSockets: 1 }); // one TCP connection
  const headers = { 'Proxy-Authorization': CREDENTIALS, Host: `127.0.0.1:${BEHIND}` };
  await new Promise((resolve) => {
    http.get({ host: '127.0.0.1', port: PORT, path: `http://127.0.0.1:${BEHIND}/plain`, agent: through, headers }, (response) => {
      response.resume().on('end', resolve);
    });
  });
  const socket = new WebSocket(`ws://127.0.0.1:${PORT}/`, { agent: through, headers, perMessageDeflate: false, finishRequest: (request) => {
    request.path = `http://127.0.0.1:${BEHIND}/absolute`;
    request.end();
  } });
  await converse(socket, 'in absolute form');
}

const web = http.createServer((request, response) => response.end('nothing to upgrade'));
const server = new WebSocketServer({ server: web, perMessageDeflate: false });
server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })));
web.listen(BEHIND, '127.0.0.1');
const squid = startSquid(process.argv[2]);
listening(READY).then(tunnelled).then(absolute).finally(() => {
  squid.kill();
  web.closeAllConnections();
  web.close();
});
