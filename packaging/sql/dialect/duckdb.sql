-- Where the files are, and what DuckDB calls things. Everything else is the same for all engines.
-- Run it where the directory `lake` is, or replace `lake` by its path.

CREATE OR REPLACE TEMPORARY VIEW peers AS
SELECT *, "left" AS has_left,
       epoch_ns(sampled_at) AS at_ns, epoch_ns(started_at) AS started_ns,
       date_trunc('minute', make_timestamp(epoch_ns(sampled_at) // 1000)) AS minute
FROM read_parquet('lake/v1/peers/**/*.parquet', hive_partitioning = true, union_by_name = true,
                  hive_types = {'service': VARCHAR, 'date': VARCHAR, 'hour': VARCHAR});

CREATE OR REPLACE TEMPORARY VIEW listeners AS
SELECT *, epoch_ns(sampled_at) AS at_ns, epoch_ns(started_at) AS started_ns
FROM read_parquet('lake/v1/listeners/**/*.parquet', hive_partitioning = true, union_by_name = true,
                  hive_types = {'service': VARCHAR, 'date': VARCHAR, 'hour': VARCHAR});
