"""Judges each client of a service over all its hosts, with DuckDB on one machine.

    python on_duckdb.py LAKE OUT [PROGRAM]

The same as `verdicts.py` does on Spark, by the same query. OUT is a Parquet file.
"""

import subprocess
import sys
import tempfile

import duckdb

import figures

TIMES = {"peers": ["sampled_at", "started_at"], "connections": ["opened_at", "closed_at", "started_at"]}


def main(lake, out, program="tcpreuse"):
    duck = duckdb.connect()
    for kind, times in TIMES.items():
        numbers = ", ".join(f"epoch_ns({name}) AS {name}" for name in times)
        duck.execute(f"""CREATE VIEW {kind} AS SELECT * REPLACE ({numbers}) FROM read_parquet(
            '{lake}/v1/{kind}/*/*/*/*.parquet', hive_partitioning = true, union_by_name = true)""")
    types = {row[0]: row[1] for row in duck.execute("DESCRIBE peers").fetchall()}
    columns = [name for name, kind in types.items() if kind in ("BIGINT", "BIGINT[]")]
    lists = [name for name in columns if types[name] == "BIGINT[]"]
    sizes = {
        name: (duck.execute(f"SELECT len({name}) FROM peers WHERE {name} IS NOT NULL LIMIT 1").fetchone() or [0])[0]
        for name in lists
    }
    with tempfile.TemporaryDirectory() as place:
        clients, population, verdicts = (f"{place}/{name}.json" for name in ("clients", "population", "verdicts"))
        duck.execute(f"COPY ({figures.text(columns, sizes, figures.DuckDB)}) TO '{clients}' (FORMAT json)")
        for arguments, to in ((["--learn"], population), (["--population", population], verdicts)):
            with open(clients) as lines, open(to, "w") as answers:
                subprocess.run([program, "judge", *arguments], stdin=lines, stdout=answers, check=True)
        duck.execute(f"COPY (FROM read_json('{verdicts}', format = 'newline_delimited')) TO '{out}' (FORMAT parquet)")


main(*sys.argv[1:])
