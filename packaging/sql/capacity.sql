-- What capacity is left of each service? Workers that are idle, and how full the fullest accept queue is, as of each
-- host's newest row. The listeners of one process share its workers. Unknown workers count as none.
WITH newest AS (
  SELECT listeners.*
  FROM listeners
  JOIN (
    SELECT service AS its_service, host AS its_host, max(at_ns) AS newest_ns
    FROM listeners
    GROUP BY service, host
  ) AS latest
    ON service = its_service AND host = its_host AND at_ns = newest_ns
), processes AS (
  SELECT service, host, owner_pid,
         sum(held) AS held, max(busy_workers) AS busy, max(idle_workers) AS idle,
         max(CASE WHEN accept_queue_limit > 0 THEN 100 * accept_queue / accept_queue_limit END) AS queue
  FROM newest
  GROUP BY service, host, owner_pid
), hosts AS (
  SELECT service, host, sum(held) AS held, sum(busy) AS busy, sum(idle) AS idle, max(queue) AS queue
  FROM processes
  GROUP BY service, host
)
SELECT service, count(*) AS hosts,
       CAST(sum(held) AS BIGINT) AS held,
       CAST(sum(busy) AS BIGINT) AS busy_workers,
       CAST(sum(idle) AS BIGINT) AS idle_workers,
       CAST(round(100 * sum(idle) / nullif(sum(busy) + sum(idle), 0)) AS BIGINT) AS percent_left,
       CAST(sum(CASE WHEN idle = 0 THEN 1 ELSE 0 END) AS BIGINT) AS hosts_without_any,
       CAST(max(queue) AS BIGINT) AS fullest_queue_percent
FROM hosts
GROUP BY service
ORDER BY percent_left, service;
