MODEL (
  name live.conversion,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column slice,
    lookback 12
  ),
  cron '*/5 * * * *',
  grain slice,
  owner operations,
  tags (live),
  description 'How many of the visits that began in a slice reach the basket. A visit grows for an hour, so an hour is looked at again.',
  audits (UNIQUE_VALUES(columns := (slice), condition := slice BETWEEN @start_ts AND @end_ts))
);

SELECT
  DATE_BIN(INTERVAL '5 minutes', began_at, TIMESTAMP '2020-01-01') AS slice,
  COUNT(*) AS visits,
  ROUND(AVG(reached_basket), 3) AS basket_rate
FROM shop.sessions
WHERE
  began_at BETWEEN @start_ts AND @end_ts
GROUP BY
  1
