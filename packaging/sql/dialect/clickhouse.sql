-- Where the files are, and what ClickHouse calls things. Everything else is the same for all engines.
-- Run it where the directory `lake` is, with `clickhouse-local`, or replace `lake` by its path.

SET use_hive_partitioning = 1;
SET schema_inference_mode = 'union';
-- As the standard has it: no row is NULL, a cast of NULL is NULL, and a column goes before an alias.
SET join_use_nulls = 1;
SET cast_keep_nullable = 1;
SET prefer_column_name_to_alias = 1;

CREATE OR REPLACE VIEW peers AS
SELECT *, `left` AS has_left,
       toUnixTimestamp64Nano(sampled_at) AS at_ns, toUnixTimestamp64Nano(started_at) AS started_ns,
       date_trunc('minute', sampled_at) AS minute
FROM file('lake/v1/peers/**/*.parquet', Parquet);

CREATE OR REPLACE VIEW listeners AS
SELECT *, toUnixTimestamp64Nano(sampled_at) AS at_ns, toUnixTimestamp64Nano(started_at) AS started_ns
FROM file('lake/v1/listeners/**/*.parquet', Parquet);
