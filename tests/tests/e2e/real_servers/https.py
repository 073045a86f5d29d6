"""Asks a TLS server over connections of its own and of one that is kept, then waits until it closes an idle one.

https.py PORT 1.2|1.3
"""
import http.client, json, select, ssl, sys, time

port, version = int(sys.argv[1]), getattr(ssl.TLSVersion, "TLSv" + sys.argv[2].replace(".", "_"))
context = ssl._create_unverified_context()
context.minimum_version = context.maximum_version = version


def connect(source):
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, source_address=(source, 0), timeout=20)


def ask(connection):
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.status == 200, response.status
    response.read()


for _ in range(6):
    once = connect("127.1.0.1")
    ask(once)
    once.close()
kept = connect("127.1.0.2")
for _ in range(7):
    ask(kept)
kept.close()
# Nothing but a handshake.
bare = connect("127.1.0.4")
bare.connect()
bare.close()
idle = connect("127.1.0.3")
ask(idle)
began = time.monotonic()
ask(idle)
assert idle.sock.recv(1) == b""
lasted = time.monotonic() - began
# The goodbye of TLS comes before the FIN. Only a client that waits for that is not the first to close.
fin = select.poll()
fin.register(idle.sock, select.POLLRDHUP)
assert fin.poll(10_000)
idle.close()
print(json.dumps({
    "requests": {"127.1.0.1": [1] * 6, "127.1.0.2": [7], "127.1.0.3": [2], "127.1.0.4": [0]},
    "lasted_ms": lasted * 1000,
}))
