// tungstenite-echo, server side: Node `ws` without extensions sends every message back.
//   node echo_server.js PORT COMMAND…    runs the client COMMAND and ends with it
const { spawn } = require('node:child_process');
const { WebSocketServer } = require('ws');

const [port, command, ...args] = process.argv.slice(2);
const server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false });

server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => {
  spawn(command, args, { stdio: 'inherit' }).on('exit', (code) => {
    process.exitCode = code;
    server.close();
  });
});
