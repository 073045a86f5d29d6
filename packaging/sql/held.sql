-- Who holds how many connections, and where? The clients that hold most over all servers of a service, and what
-- they hold on each.
SELECT service, port, peer, held_everywhere, hosts, host, held_here
FROM (
  SELECT service, port, peer, host, held_here,
         CAST(sum(held_here) OVER (PARTITION BY service, port, direction, peer, peer_prefix) AS BIGINT)
           AS held_everywhere,
         count(*) OVER (PARTITION BY service, port, direction, peer, peer_prefix) AS hosts
  FROM (
    SELECT service, port, direction, peer, peer_prefix, host, CAST(sum(held) AS BIGINT) AS held_here
    FROM now_held
    WHERE held > 0
    GROUP BY service, port, direction, peer, peer_prefix, host
  ) AS here
) AS everywhere
ORDER BY held_everywhere DESC, service, port, peer, host;
