// Asks a server of HTTP/2 over TLS, over connections of one request and over one that is kept: http2.js PORT
const http2 = require('http2'), tls = require('tls');
const port = Number(process.argv[2]);
const open = localAddress => http2.connect(`https://127.0.0.1:${port}`, {
  createConnection: () => tls.connect({
    host: '127.0.0.1', port, localAddress, rejectUnauthorized: false, ALPNProtocols: ['h2'],
  }),
});
const ask = session => new Promise((done, failed) => {
  const request = session.request({ ':path': '/' });
  request.on('data', () => {});
  request.on('end', done);
  request.on('error', failed);
  request.end();
});
const leave = session => new Promise(done => { session.on('close', done); session.close(); });
(async () => {
  for (let n = 0; n < 5; n++) {
    const session = open('127.1.0.1');
    await ask(session);
    await leave(session);
  }
  const session = open('127.1.0.2');
  for (let n = 0; n < 8; n++) await ask(session);
  await leave(session);
  console.log(JSON.stringify({ requests: { '127.1.0.1': [1, 1, 1, 1, 1], '127.1.0.2': [8] } }));
})();
