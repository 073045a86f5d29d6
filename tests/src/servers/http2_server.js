// Answers requests of HTTP/2 over TLS and closes idle sessions: http2_server.js PORT CERTIFICATE KEY TIMEOUT_MS
// A request for /poll?hold=N is answered after N ms.
const fs = require('fs'), http2 = require('http2');
const [port, cert, key, timeout] = process.argv.slice(2);
const server = http2.createSecureServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
server.on('stream', (stream, headers) => {
  const hold = Number(/hold=(\d+)/.exec(headers[':path'])?.[1] ?? 0);
  const answer = () => { if (!stream.destroyed) { stream.respond({ ':status': 200 }); stream.end('ok'); } };
  stream.on('error', () => {});
  if (hold) setTimeout(answer, hold); else answer();
});
server.on('session', session => {
  session.on('error', () => {});
  session.setTimeout(Number(timeout), () => session.close());
});
server.listen(Number(port), '0.0.0.0');
