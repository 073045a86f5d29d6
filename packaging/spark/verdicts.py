"""Judges each client of a service over all its hosts, on Spark.

    spark-submit verdicts.py LAKE OUT [PROGRAM]

LAKE is what `tcpreuse export` wrote, OUT a directory that does not exist yet, for Parquet files with a row for each
client. PROGRAM is `tcpreuse` on every worker, by default the first on the PATH of this one. Nothing else has to be
installed there.
"""

import os
import shlex
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import struct, to_json

import figures

VERDICTS = """service STRING, direction STRING, port BIGINT, peer STRING, hosts BIGINT, opens BIGINT, closes BIGINT,
open_now BIGINT, requests BIGINT, seconds DOUBLE, verdict STRING, also ARRAY<STRING>, confidence DOUBLE,
shared_address BOOLEAN, explanation STRING, fix STRING, error STRING"""


def lines(rows):
    """The rows as lines of JSON. What is unknown is left out."""
    return rows.select(to_json(struct("*"))).rdd.map(lambda row: row[0])


def main(lake, out, program="tcpreuse"):
    # Spark has no timestamps of nanoseconds; so they are read as numbers.
    spark = (
        SparkSession.builder.config("spark.sql.legacy.parquet.nanosAsLong", "true")
        # The sums of many clients look small as they are stored, and are too large for the memory of each worker.
        .config("spark.sql.autoBroadcastJoinThreshold", "-1")
        .getOrCreate()
    )
    for kind in ("peers", "connections"):
        spark.read.option("mergeSchema", "true").parquet(f"{lake}/v1/{kind}").createOrReplaceTempView(kind)
    types = dict(spark.table("peers").dtypes)
    numbers = [name for name, kind in types.items() if kind in ("bigint", "int", "array<bigint>")]
    lists = [name for name in numbers if types[name] == "array<bigint>"]
    sizes = {
        name: next((row[0] for row in spark.sql(
            f"SELECT array_size({name}) FROM peers WHERE {name} IS NOT NULL LIMIT 1").collect()), 0)
        for name in lists
    }
    clients = spark.sql(figures.text(numbers, sizes, figures.Spark)).persist()
    judge = f"{shlex.quote(program)} judge"
    # Spark starts it with no environment but this.
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    usual = lines(clients.repartition("service")).pipe(f"{judge} --learn", env=path, checkCode=True)
    population = spark.read.json(usual)
    known = clients.join(population, ["service", "direction", "port"], "left")
    verdicts = lines(known).pipe(judge, env=path, checkCode=True)
    # Compressed as the lake is.
    spark.read.schema(VERDICTS).json(verdicts).write.parquet(out, compression="zstd")


main(*sys.argv[1:])
