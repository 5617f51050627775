// devtools: Chromium's DevTools protocol, spoken by puppeteer-core on the browser's one WebSocket (sessions of attached targets): a page is made,
// asked and left, a command fails. Then Node's own inspector over a second WebSocket: what the program prints, an expression evaluated,
// a command that there is not.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const puppeteer = require('puppeteer-core');
const { WebSocket } = require('ws');

const PORT = 9229;
const folder = mkdtempSync(join(tmpdir(), 'devtools-'));

async function address(stream) {
  for await (const line of stream.iterator({ destroyOnReturn: false })) {
    const found = /ws:\/\/\S+/.exec(String(line));
    if (found) { stream.resume(); return found[0]; }
  }
}

async function browser() {
  const chromium = spawn('chromium', ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${folder}`,
    `--remote-debugging-port=${PORT}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
  process.on('exit', () => chromium.kill());
  const session = await puppeteer.connect({ browserWSEndpoint: await address(chromium.stderr), defaultViewport: null });
  const page = await session.newPage();
  await page.setContent('<title>sample</title><p id="name">Ada</p>');
  console.log(await page.title(), await page.$eval('#name', (it) => it.textContent));
  const devtools = await page.createCDPSession();
  await devtools.send('No.such').catch((error) => console.log(error.message));
  await page.close();
  await session.close();
  if (chromium.exitCode === null) await once(chromium, 'exit');
}

async function inspector() {
  const node = spawn('node', [`--inspect-brk=127.0.0.1:${PORT}`, '-e', 'var sum = 42, timer = setInterval(() => {}, 1000);\nconsole.log(sum);'],
    { stdio: ['ignore', 'inherit', 'pipe'] });
  const socket = new WebSocket(await address(node.stderr), { perMessageDeflate: false });
  const waiting = new Map();
  socket.on('message', (text) => {
    const message = JSON.parse(text);
    const name = message.id ?? message.method;
    waiting.get(name)?.(message.result ?? message.params ?? message);
    waiting.delete(name);
  });
  await once(socket, 'open');
  let id = 0;
  const told = (name) => new Promise((done) => waiting.set(name, done));
  const ask = (method, params) => { id += 1; socket.send(JSON.stringify({ id, method, params })); return told(id); };
  await ask('Runtime.enable');
  await Promise.all([told('Runtime.consoleAPICalled'), ask('Runtime.runIfWaitingForDebugger')]);
  console.log((await ask('Runtime.evaluate', { expression: 'sum + 1', returnByValue: true })).result);
  await ask('Runtime.noSuchCommand');
  await ask('Runtime.evaluate', { expression: 'clearInterval(timer)' });
  socket.close();
  await once(node, 'exit');
}

async function main() {
  await browser();
  await inspector();
  process.exit();
}

main();
