-- Where the files are, and what Spark calls things. Everything else is the same for all engines.
-- Run it where the directory `lake` is, or replace `lake` by its path. Spark has no timestamps in nanoseconds, so it
-- reads them as numbers.

SET spark.sql.legacy.parquet.nanosAsLong = true;
SET spark.sql.sources.partitionColumnTypeInference.enabled = false;
SET TIME ZONE 'UTC';

CREATE OR REPLACE TEMPORARY VIEW peer_files
USING parquet OPTIONS (path 'lake/v1/peers', mergeSchema 'true');

CREATE OR REPLACE TEMPORARY VIEW peers AS
SELECT *, `left` AS has_left, sampled_at AS at_ns, started_at AS started_ns,
       date_trunc('minute', timestamp_micros(sampled_at div 1000)) AS minute
FROM peer_files;

CREATE OR REPLACE TEMPORARY VIEW listener_files
USING parquet OPTIONS (path 'lake/v1/listeners', mergeSchema 'true');

CREATE OR REPLACE TEMPORARY VIEW listeners AS
SELECT *, sampled_at AS at_ns, started_at AS started_ns
FROM listener_files;
