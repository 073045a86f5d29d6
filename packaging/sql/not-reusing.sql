-- Who does not reuse connections, over all servers of a service together? A client that is spread over many
-- servers opens few connections on each of them. Ten opens with fewer than three requests each are enough to ask;
-- `tcpreuse judge` says what it is, and why.
SELECT service, port, peer,
       count(DISTINCT host) AS hosts,
       CAST(sum(opened) AS BIGINT) AS opens,
       round(sum(requests) / sum(opened), 1) AS requests_per_open,
       CAST(max(on_host) AS BIGINT) AS most_opens_on_a_host
FROM (
  SELECT steps.*,
         sum(opened) OVER (PARTITION BY service, port, direction, peer, peer_prefix, host) AS on_host
  FROM steps
) AS by_host
GROUP BY service, port, direction, peer, peer_prefix
HAVING sum(opened) >= 10 AND sum(requests) < 3 * sum(opened)
ORDER BY sum(opened) DESC, service, port, peer;
