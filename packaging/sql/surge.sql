-- Where and when did the surge begin? The connections held on each host, minute by minute, follow from the changes.
-- There is a surge if the most is ten more than twice the least before it. It began in the first minute after which no
-- less than a tenth of it stayed. The first row is where it began.
WITH by_minute AS (
  SELECT service, port, host, minute, sum(held_change) AS change
  FROM steps
  WHERE direction = 'inbound'
  GROUP BY service, port, host, minute
), course AS (
  SELECT service, port, host, minute,
         sum(change) OVER (PARTITION BY service, port, host ORDER BY minute) AS held,
         lead(minute) OVER (PARTITION BY service, port, host ORDER BY minute) AS next_minute
  FROM by_minute
), peaks AS (
  SELECT service, port, host, minute AS peak_at, held AS held_at_peak
  FROM (
    SELECT course.*,
           row_number() OVER (PARTITION BY service, port, host ORDER BY held DESC, minute) AS place
    FROM course
  ) AS ranked
  WHERE place = 1
), lows AS (
  SELECT peaks.service, peaks.port, peaks.host, peak_at, held_at_peak, min(course.held) AS held_before
  FROM peaks
  JOIN course
    ON course.service = peaks.service AND course.port = peaks.port AND course.host = peaks.host
   AND course.minute <= peaks.peak_at
  GROUP BY peaks.service, peaks.port, peaks.host, peak_at, held_at_peak
)
SELECT lows.service, lows.port, lows.host,
       max(course.next_minute) AS began,
       CAST(held_before AS BIGINT) AS held_before,
       CAST(held_at_peak AS BIGINT) AS held_at_peak,
       peak_at
FROM lows
JOIN course
  ON course.service = lows.service AND course.port = lows.port AND course.host = lows.host
 AND course.minute <= lows.peak_at
WHERE held_at_peak >= 2 * held_before + 10
  AND 10 * (course.held - held_before) < held_at_peak - held_before
GROUP BY lows.service, lows.port, lows.host, held_before, held_at_peak, peak_at
ORDER BY began, lows.service, lows.port, lows.host;
