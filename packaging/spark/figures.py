"""The query that adds up what all hosts of a service have counted of each client, as `tcpreuse judge` reads it.

One text for Spark and DuckDB. It reads two views, `peers` and `connections`, which are those of `tcpreuse export` with
times as nanoseconds, and gives a row for each client of a service:

- counters and histograms added up; unknown if one of its hosts does not know them,
- extremes, of all hosts,
- from its connections, what no host can know: how many it held over all of them whenever it opened another, and how
  that number moved.
"""

# Who a client is. Hosts behind one address see it in namespaces and on addresses of their own.
CLIENT = "service, direction, port, client"

# Whose counters a row has. They begin at 0 with each recorder.
COUNTED = ["service", "host", "boot_id", "started_at", "netns", "interface", "direction", "local_port", "peer"]

# The number held is kept apart up to this; above, one bucket has an octave.
EXACT = 15
HELD_BUCKETS = 25

# Why connections end.
REASONS = ("local_fin", "remote_fin", "local_rst", "remote_rst", "timeout")

# How finely the course of the number held is told.
LEVELS = 64

# Columns that are no sums.
LATEST = {"protocol", "rtt_us"}

# Columns that mean nothing over several hosts. A client without a connection here may have one elsewhere.
OF_ONE_HOST = {
    *COUNTED,
    *("sampled_at", "remote_port", "peer_prefix", "hour", "owner", "owner_pid", "reckoned_ms", "rtt_ms", "rtt_min_ms"),
    *("overlaps", "close_wait_oldest_ms", "gap_sum_ns", "gap_max_ns", "gap_min_ns", "gap_buckets"),
}


class Spark:
    """What Spark calls some functions."""

    @staticmethod
    def item(values, n):
        return f"get({values}, {n})"

    @staticmethod
    def values(items):
        return f"array({', '.join(items)})"

    @staticmethod
    def fields(named):
        return f"named_struct({', '.join(f'{name!r}, {value}' for name, value in named)})"

    length, gather = "array_size", "collect_list"


class DuckDB:
    """What DuckDB calls them."""

    @staticmethod
    def item(values, n):
        return f"{values}[{n + 1}]"

    @staticmethod
    def values(items):
        return f"[{', '.join(items)}]"

    @staticmethod
    def fields(named):
        return f"{{{', '.join(f'{name!r}: {value}' for name, value in named)}}}"

    length, gather = "len", "list"


def total(column):
    return f"CASE WHEN count({column}) = count(*) THEN CAST(sum({column}) AS BIGINT) END"


def extreme(column):
    """The function for a column that is no sum."""
    name = f"{column}_"
    if "_max_" in name or "_peak_" in name or column in LATEST:
        return "max"
    return "min" if "_min_" in name else None


def sums(sizes, columns, dialect):
    """Name and expression of each figure. Columns like `turns_sum` are parts of one."""
    ends = ("_sum", "_max", "_sum_ns", "_max_ns", "_min_ns", "_buckets")
    whole = [name.removesuffix("_buckets") for name in sizes]
    of = {f"{name}{end}": (name, end[1:]) for name in whole for end in ends}
    of |= {f"closes_{reason}": ("closes", reason) for reason in REASONS}
    parts, figures = {}, []
    for column in columns:
        if column in OF_ONE_HOST:
            continue
        if column in sizes:
            items = [f"CAST(sum({dialect.item(f'c.{column}', n)}) AS BIGINT)" for n in range(sizes[column])]
            value = f"CASE WHEN count(c.{column}) = count(*) THEN {dialect.values(items)} END"
        else:
            function = extreme(column)
            value = f"{function}(c.{column})" if function else total(f"c.{column}")
        if column in of:
            name, part = of[column]
            parts.setdefault(name, []).append((part, value))
        else:
            figures.append((column, value))
    return figures + [(name, dialect.fields(named)) for name, named in parts.items()]


def text(columns, sizes, dialect):
    """The query, given the names of the columns of numbers, and how many numbers are in those that have several."""
    same = " AND ".join(f"peers.{name} IS NOT DISTINCT FROM last_rows.{name}" for name in COUNTED)
    figures = [pair for pair in sums(sizes, columns, dialect) if pair[0] != "opens_by_held"]
    alone = dict(sums(sizes, columns, dialect))["opens_by_held"]
    bucket = f"CASE WHEN before <= {EXACT} THEN before ELSE least({HELD_BUCKETS - 1}, 12 + floor(log2(before))) END"
    joined = dialect.values([f"count(CASE WHEN bucket = {n} THEN 1 END)" for n in range(HELD_BUCKETS)])
    level = dialect.fields([("ago", "(ends - moment) / 1e9"), ("held", "held"), ("closes", "closes")])
    return f"""
WITH last_rows AS (
  SELECT {', '.join(COUNTED)}, max(sampled_at) AS last_at FROM peers GROUP BY {', '.join(COUNTED)}
),
-- A peer that has left has a last row, and begins at 0 when it comes back.
complete AS (
  SELECT peers.*, coalesce(peers.local_port, peers.remote_port) AS port,
    CASE WHEN peers.direction = 'inbound' THEN peers.peer ELSE peers.peer_addr END AS client
  FROM peers JOIN last_rows ON {same}
  WHERE peers.sampled_at = last_rows.last_at OR peers.left
),
periods AS (
  SELECT service, min(started_at) AS begins, max(sampled_at) AS ends FROM complete GROUP BY service
),
counted AS (
  SELECT {CLIENT}, count(DISTINCT host) AS hosts,
    CAST(sum(opens) AS BIGINT) AS opens,
    CAST(sum({' + '.join(f'closes_{reason}' for reason in REASONS)}) AS BIGINT) AS closes,
    CAST(sum(open_now) AS BIGINT) AS open_now,
    CAST(sum(turns_sum + coalesce(turns_open, 0)) AS BIGINT) AS requests,
    {alone} AS alone,
    {', '.join(f'{value} AS figure_{name}' for name, value in figures)}
  FROM complete c GROUP BY {CLIENT}
),
steps AS (
  SELECT service, direction, CASE WHEN direction = 'inbound' THEN local_port ELSE remote_port END AS port,
    remote_addr AS client, coalesce(opened_at, started_at) AS moment, 1 AS step, opened_at IS NOT NULL AS is_open
  FROM connections
  UNION ALL
  SELECT service, direction, CASE WHEN direction = 'inbound' THEN local_port ELSE remote_port END AS port,
    remote_addr AS client, closed_at AS moment, -1 AS step, false AS is_open
  FROM connections WHERE closed_at IS NOT NULL
),
moves AS (
  SELECT *, sum(step) OVER course AS held, count(CASE WHEN step < 0 THEN 1 END) OVER course AS closes
  FROM steps WINDOW course AS (PARTITION BY {CLIENT} ORDER BY moment, step ROWS UNBOUNDED PRECEDING)
),
opened AS (
  SELECT *, held - 1 AS before FROM moves
),
ranked AS (
  SELECT *, CASE WHEN is_open THEN {bucket} END AS bucket FROM opened
),
over_all AS (
  SELECT {CLIENT}, {joined} AS joined, count(CASE WHEN is_open THEN 1 END) AS seen, max(held) AS peak,
    count(CASE WHEN step > 0 AND NOT is_open THEN 1 END) AS start
  FROM ranked GROUP BY {CLIENT}
),
slots AS (
  SELECT moves.*, ends, floor((moment - begins) * {LEVELS} / (ends - begins + 1)) AS slot
  FROM moves JOIN periods USING (service)
),
levels AS (
  SELECT {CLIENT}, slot, max(ends) AS ends, max(moment) AS moment, max_by(held, moment) AS held, max_by(closes, moment) AS closes
  FROM slots GROUP BY {CLIENT}, slot
),
courses AS (
  SELECT {CLIENT}, {dialect.gather}({level}) AS levels FROM levels GROUP BY {CLIENT}
)
SELECT service, direction, port, client AS peer, hosts, opens, closes, open_now, requests, (ends - begins) / 1e9 AS seconds,
  {dialect.fields([(name, f'figure_{name}') for name, _ in figures]
                  + [('opens_by_held', 'CASE WHEN seen = opens THEN joined ELSE alone END')])} AS figures,
  CASE WHEN seen = opens THEN {dialect.fields([(name, name) for name in ('start', 'peak', 'levels')])} END AS held
FROM counted LEFT JOIN over_all USING ({CLIENT}) LEFT JOIN courses USING ({CLIENT}) JOIN periods USING (service)
"""
