MODEL (
  name live.pulse,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column slice
  ),
  cron '*/5 * * * *',
  grain slice,
  owner operations,
  tags (live),
  description 'Orders and revenue of each five minutes: the screen in the roastery.',
  audits (UNIQUE_VALUES(columns := (slice), condition := slice BETWEEN @start_ts AND @end_ts))
);

SELECT
  DATE_BIN(INTERVAL '5 minutes', ordered_at, TIMESTAMP '2020-01-01') AS slice,
  COUNT(*) AS orders,
  SUM(quantity) AS bags,
  SUM(amount) AS revenue
FROM shop.orders
WHERE
  ordered_at BETWEEN @start_ts AND @end_ts
GROUP BY
  1
