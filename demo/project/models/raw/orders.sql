MODEL (
  name raw.orders,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column ordered_at
  ),
  cron '*/5 * * * *',
  grain order_id,
  owner platform,
  tags (live),
  description 'Orders as the shop takes them: at most one a minute, more of them by day. A minute always has the same order.',
  audits (UNIQUE_VALUES(columns := (order_id)))
);

WITH minutes AS (
  SELECT
    minute,
    HASHTEXT(minute::TEXT) & 2147483647 AS dice
  FROM GENERATE_SERIES(
    @start_ts::TIMESTAMP,
    @end_ts::TIMESTAMP,
    INTERVAL '1 minute'
  ) AS minutes(minute)
)
SELECT
  TO_CHAR(minute, 'YYYYMMDDHH24MI')::BIGINT AS order_id,
  minute AS ordered_at,
  1 + dice % 400 AS customer_id,
  1 + dice % 12 AS product_id,
  1 + dice % 3 AS quantity,
  (ARRAY['web', 'web', 'app', 'phone'])[1 + dice % 4] AS channel
FROM minutes
WHERE
  dice % 100 < 30 + 40 * SIN(PI() * EXTRACT(HOUR FROM minute) / 24)
