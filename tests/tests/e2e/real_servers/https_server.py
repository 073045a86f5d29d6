"""Answers requests over TLS, and closes a connection that has been idle for a second.

https_server.py PORT CERTIFICATE KEY
"""
import http.server, ssl, sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 1

    def do_GET(self):
        # As long as the settings that HTTP/2 begins with.
        body = b'{"status":"ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        stream, address = self.socket.accept()
        # The handshake is made by the first read, in the thread of the connection.
        return context.wrap_socket(stream, server_side=True, do_handshake_on_connect=False), address


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
