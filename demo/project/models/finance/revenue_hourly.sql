MODEL (
  name finance.revenue_hourly,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column hour
  ),
  cron '@hourly',
  grain hour,
  owner finance,
  tags (finance),
  description 'Money that came in, hour by hour and way of paying.',
  audits (UNIQUE_COMBINATION_OF_COLUMNS(columns := (hour, method), condition := hour BETWEEN @start_ts AND @end_ts))
);

SELECT
  DATE_TRUNC('hour', paid_at) AS hour,
  method,
  COUNT(*) AS payments,
  SUM(amount) AS revenue
FROM shop.payments
WHERE
  paid_at BETWEEN @start_ts AND @end_ts
GROUP BY
  1,
  2
