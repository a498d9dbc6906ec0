MODEL (
  name finance.revenue_daily,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  cron '@daily',
  grain day,
  owner finance,
  tags (finance),
  description 'Money that came in, day by day.',
  audits (UNIQUE_VALUES(columns := (day), condition := day BETWEEN @start_ds AND @end_ds))
);

SELECT
  hour::DATE AS day,
  SUM(payments) AS payments,
  SUM(revenue) AS revenue
FROM finance.revenue_hourly
WHERE
  hour BETWEEN @start_ts AND @end_ts
GROUP BY
  1
