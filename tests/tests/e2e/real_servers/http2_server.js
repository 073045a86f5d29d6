// Answers requests of HTTP/2 over TLS: http2_server.js PORT CERTIFICATE KEY
const fs = require('fs'), http2 = require('http2');
const [port, cert, key] = process.argv.slice(2);
const server = http2.createSecureServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
server.on('stream', stream => { stream.respond({ ':status': 200 }); stream.end('ok'); });
server.listen(Number(port), '127.0.0.1');
