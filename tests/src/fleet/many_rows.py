"""Makes up an export of many rows, to measure engines on: many_rows.py OUT HOSTS PEERS TIMES

Each of HOSTS hosts has TIMES rows of each of PEERS clients, one an interval. The columns are those of `peers` with the
figures that rules need; histograms are in the last row of each client only, which is the one that is read of them.
"""

import os
import sys

import duckdb

BEGINS = 1767225600  # 2026-01-01, UTC
NS = 1_000_000_000
ADDRESS = "'10.' || peer_n // 65536 || '.' || peer_n // 256 % 256 || '.' || peer_n % 256"
COUNTS = {
    # One in a hundred clients opens a connection for each request, one in a thousand holds ever more.
    "opens": "CASE WHEN peer_n % 100 = 7 THEN 10 * (t + 1) WHEN peer_n % 1000 = 3 THEN t + 1 ELSE 1 END",
    "closes_remote_fin": "CASE WHEN peer_n % 100 = 7 THEN 10 * (t + 1) ELSE 0 END",
    "open_now": "CASE WHEN peer_n % 100 = 7 THEN 0 WHEN peer_n % 1000 = 3 THEN t + 1 ELSE 1 END",
    "open_peak": "CASE WHEN peer_n % 1000 = 3 THEN t + 1 ELSE 1 END",
    "bytes_received": "(peer_n % 97 + 300) * 20 * (t + 1)",
    "bytes_sent": "(peer_n % 89 + 700) * 20 * (t + 1)",
    "turns_open": "CASE WHEN peer_n % 100 = 7 THEN 0 ELSE 20 * (t + 1) END",
    "turns_sum": "CASE WHEN peer_n % 100 = 7 THEN 10 * (t + 1) ELSE 0 END",
}
ZERO = """closes_local_fin closes_local_rst closes_remote_rst closes_timeout failed overlaps close_wait_now never_accepted
retransmits unanswered late_reads handshakes_alone late_requests seeded close_wait_entered""".split()
# How many buckets a histogram has.
BUCKETS = {"opens_by_held": 25, "turns_buckets": 14} | {
    f"{name}_buckets": 39 for name in ("lifetime", "idle", "gap", "close_wait", "hold", "pause")
}
DURATIONS = "lifetime idle gap close_wait hold pause".split()
CONNECTIONS = {
    "host": "VARCHAR", "direction": "VARCHAR", "local_port": "BIGINT", "remote_port": "BIGINT", "remote_addr": "VARCHAR",
    "started_at": "TIMESTAMP_NS", "opened_at": "TIMESTAMP_NS", "closed_at": "TIMESTAMP_NS",
}
AT_THE_END = ["held_ms", "busy_ms", "requests_bounded", "protocol", "rtt_us", "rtt_min_us", "late_read_max_ns"]


def main(out, hosts, peers, times):
    duck = duckdb.connect()
    last = f"t = {times} - 1"
    # Nothing is known of single connections.
    place = f"{out}/v1/connections/service=shop/date=2026-01-01/hour=00"
    os.makedirs(place, exist_ok=True)
    none = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in CONNECTIONS.items())
    duck.execute(f"COPY (SELECT {none} LIMIT 0) TO '{place}/none.parquet' (FORMAT parquet)")
    for host in range(hosts):
        called, boot = f"web{host:04}", f"{host:032x}"
        columns = {
            "host": f"'{called}'", "boot_id": f"'{boot}'", "schema": "'tcpreuse.export/1'",
            "started_at": f"make_timestamp_ns({BEGINS * NS})",
            "sampled_at": f"make_timestamp_ns({BEGINS * NS} + (t + 1) * {3600 * NS // (times + 1)})",
            "direction": "'inbound'", "netns": "4026531840", "interface": "NULL", "local_port": "443",
            "peer": ADDRESS, "peer_addr": ADDRESS,
            "verdict": "'reusing'", "left": "false", "remote_port": "NULL", "peer_prefix": "32",
        }
        columns |= COUNTS | {name: "0" for name in ZERO} | {"turns_max": "1"}
        for part, value in {"sum": "opens * 2000000", "max": "3000000", "min": "1000000"}.items():
            columns |= {f"{name}_{part}_ns": f"CASE WHEN {last} THEN {value} END" for name in DURATIONS}
        for name, n in BUCKETS.items():
            first = "opens" if name == "opens_by_held" else "closes_remote_fin"
            columns[name] = f"CASE WHEN {last} THEN list_prepend({first}, list_resize([0], {n - 1}, 0)) END"
        columns |= {name: f"CASE WHEN {last} THEN {1 if name == 'protocol' else 'open_now * 1000'} END" for name in AT_THE_END}
        whole = {"netns", "interface", "local_port", "remote_port", "peer_prefix", *COUNTS, *ZERO, "turns_max", *AT_THE_END}
        whole |= {name for name in columns if name.endswith("_ns")}
        typed = [f"CAST({value} AS BIGINT) AS {name}" if name in whole else
                 f"CAST({value} AS BIGINT[]) AS {name}" if name in BUCKETS else f"{value} AS \"{name}\""
                 for name, value in columns.items()]
        place = f"{out}/v1/peers/service=shop/date=2026-01-01/hour=00"
        os.makedirs(place, exist_ok=True)
        duck.execute(f"""COPY (SELECT {', '.join(typed)} FROM range({times}) times(t), range({peers}) peers(peer_n))
            TO '{place}/{called}-{boot}-{1:018}.parquet' (FORMAT parquet, COMPRESSION zstd)""")


main(sys.argv[1], *map(int, sys.argv[2:]))
