-- What the questions have in common, after the dialect and before any of them.

-- Each row of a peer with what happened since the row before it. A series of counters belongs to one peer on one
-- host since tracing began there (host, boot, start). It begins at 0 when the peer comes, and again when it comes
-- back after it has left: then its row before says `has_left`, or a counter is smaller. `carried` says that the
-- first row of a file goes on from an earlier file; if that is not there, nothing is known to have happened.
CREATE OR REPLACE TEMPORARY VIEW steps AS
SELECT marked.*,
       opens - before_opens AS opened,
       turns - before_turns AS requests,
       held - before_held AS held_change
FROM (
  SELECT rows_of_peers.*,
         CASE WHEN anew THEN 0 ELSE coalesce(lag(opens) OVER series, CASE WHEN carried THEN opens ELSE 0 END)
         END AS before_opens,
         CASE WHEN anew THEN 0 ELSE coalesce(lag(turns) OVER series, CASE WHEN carried THEN turns ELSE 0 END)
         END AS before_turns,
         coalesce(lag(held) OVER series, 0) AS before_held
  FROM (
    SELECT counted.*,
           coalesce(lag(gone) OVER series OR opens < lag(opens) OVER series, false) AS anew
    FROM (
      SELECT host, boot_id, service, started_ns, at_ns, minute, date, hour, direction, netns, interface,
             coalesce(local_port, remote_port) AS port, peer_addr AS peer, peer_prefix,
             owner_pid, owner_comm, verdict, carried, opens,
             coalesce(turns_sum, 0) + coalesce(turns_open, 0) AS turns,
             coalesce(has_left, false) AS gone,
             open_now AS held
      FROM peers
    ) AS counted
    WINDOW series AS (
      PARTITION BY host, boot_id, service, started_ns, direction, netns, interface, port, peer, peer_prefix,
                   owner_pid, owner_comm
      ORDER BY at_ns
    )
  ) AS rows_of_peers
  WINDOW series AS (
    PARTITION BY host, boot_id, service, started_ns, direction, netns, interface, port, peer, peer_prefix,
                 owner_pid, owner_comm
    ORDER BY at_ns
  )
) AS marked;

-- The newest row of each peer that is still there, on each host: of its newest recording.
CREATE OR REPLACE TEMPORARY VIEW now_held AS
SELECT service, host, direction, port, peer, peer_prefix, held, verdict, at_ns
FROM (
  SELECT steps.*,
         max(started_ns) OVER (PARTITION BY service, host) AS newest_start,
         row_number() OVER (
           PARTITION BY host, boot_id, service, started_ns, direction, netns, interface, port, peer, peer_prefix,
                        owner_pid, owner_comm
           ORDER BY at_ns DESC
         ) AS age
  FROM steps
) AS ranked
WHERE age = 1 AND started_ns = newest_start AND NOT gone;
