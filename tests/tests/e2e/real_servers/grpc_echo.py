"""gRPC in clear. `serve PORT`, or `call PORT N…`: a connection for each N with that many calls, one after the other,
which says what it did as JSON."""
import json
import sys
from concurrent import futures

import grpc

METHOD = "/tcpreuse.Echo/Say"


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


def serve(port):
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Echo()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def call(port, counts):
    for count in counts:
        # Otherwise all channels to one address share a connection.
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", own) as channel:
            say = channel.unary_unary(METHOD)
            for number in range(count):
                assert say(b"x" * (number + 1)) == b"x" * (number + 1)
    print(json.dumps({"requests": {"127.0.0.1": counts}}))


mode, port, *counts = sys.argv[1:]
serve(port) if mode == "serve" else call(port, [int(count) for count in counts])
