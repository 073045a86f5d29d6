-- What changed between two days? The last two there are; put others into `days` to compare those. Clients that opened
-- twice as many connections as before or half as many, that came or went, or whose verdict is another one on some host.
WITH days AS (
  SELECT max(CASE WHEN place = 2 THEN date END) AS earlier, max(CASE WHEN place = 1 THEN date END) AS later
  FROM (SELECT date, row_number() OVER (ORDER BY date DESC) AS place FROM steps GROUP BY date) AS dates
), of_day AS (
  SELECT service, port, direction, peer, peer_prefix, host,
         CASE WHEN date = earlier THEN opened ELSE 0 END AS opened_earlier,
         CASE WHEN date = later THEN opened ELSE 0 END AS opened_later,
         CASE WHEN date = earlier AND place = 1 THEN verdict END AS verdict_earlier,
         CASE WHEN date = later AND place = 1 THEN verdict END AS verdict_later
  FROM (
    SELECT steps.*,
           row_number() OVER (
             PARTITION BY service, port, direction, peer, peer_prefix, host, date ORDER BY at_ns DESC
           ) AS place
    FROM steps
  ) AS ranked
  CROSS JOIN days
  WHERE date = earlier OR date = later
), by_host AS (
  SELECT service, port, direction, peer, peer_prefix, host,
         sum(opened_earlier) AS opened_earlier, sum(opened_later) AS opened_later,
         max(verdict_earlier) AS verdict_earlier, max(verdict_later) AS verdict_later
  FROM of_day
  GROUP BY service, port, direction, peer, peer_prefix, host
), by_peer AS (
  SELECT service, port, peer,
         CAST(sum(opened_earlier) AS BIGINT) AS opens_earlier,
         CAST(sum(opened_later) AS BIGINT) AS opens_later,
         max(verdict_earlier) AS verdict_earlier, max(verdict_later) AS verdict_later,
         sum(CASE WHEN coalesce(verdict_earlier, '') <> coalesce(verdict_later, '') THEN 1 ELSE 0 END) AS changed
  FROM by_host
  GROUP BY service, port, direction, peer, peer_prefix
)
SELECT service, port, peer, opens_earlier, opens_later, verdict_earlier, verdict_later
FROM by_peer
WHERE changed > 0
   OR (opens_later >= 10 AND opens_later >= 2 * opens_earlier)
   OR (opens_earlier >= 10 AND opens_earlier >= 2 * opens_later)
ORDER BY abs(opens_later - opens_earlier) DESC, service, port, peer;
