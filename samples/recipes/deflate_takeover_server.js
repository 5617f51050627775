// deflate-takeover, server side: Node `ws` with permessage-deflate, context takeover, a server window of 10 bits.
//   node deflate_takeover_server.js COMMAND…    runs the client COMMAND and ends with it
// Answers each JSON text with a JSON text; every third answer is sent uncompressed, and the answer to
// {"op": "report"} comes compressed in three fragments with a ping between.
const { spawn } = require('node:child_process');
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 8081,
  perMessageDeflate: { serverMaxWindowBits: 10, threshold: 0 },
});

function quote(number) {
  return { type: 'quote', id: number, symbol: 'WSCP', bid: 100 + number / 4, ask: 100.5 + number / 4, venue: 'loopback' };
}

server.on('connection', (socket) => {
  let answers = 0;
  socket.on('message', (data) => {
    const request = JSON.parse(data);
    if (request.op === 'report') {
      const rows = JSON.stringify(Array.from({ length: 40 }, (_, index) => quote(index)));
      const third = Math.ceil(rows.length / 3);
      socket.send(rows.slice(0, third), { fin: false });
      socket.ping('still here');
      socket.send(rows.slice(third, 2 * third), { fin: false });
      socket.send(rows.slice(2 * third), { fin: true });
      return;
    }
    answers += 1;
    socket.send(JSON.stringify(quote(request.id)), { compress: answers % 3 !== 0 });
  });
});

server.on('listening', () => {
  const [command, ...args] = process.argv.slice(2);
  spawn(command, args, { stdio: 'inherit' }).on('exit', (code) => {
    process.exitCode = code;
    server.close();
  });
});
