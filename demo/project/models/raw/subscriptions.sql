MODEL (
  name raw.subscriptions,
  kind FULL,
  cron '@hourly',
  grain customer_id,
  owner platform,
  tags (finance),
  description 'The subscriptions as they stand now. One in twelve customers changes the plan or pauses on any day.'
);

WITH customers AS (
  SELECT
    customer_id,
    (
      HASHTEXT(customer_id::TEXT) & 2147483647
    ) AS dice,
    (
      (
        HASHTEXT(customer_id::TEXT || TO_CHAR(@execution_ts::TIMESTAMP, 'YYYY-MM-DD')) & 2147483647
      ) % 12 = 0
    ) AS changes_today
  FROM GENERATE_SERIES(1, 400) AS customers(customer_id)
)
SELECT
  customer_id,
  (ARRAY['taster', 'taster', 'household', 'household', 'office'])[
    1 + (dice + CASE WHEN changes_today THEN 1 ELSE 0 END) % 5
  ] AS plan,
  CASE WHEN changes_today AND dice % 3 = 0 THEN 'paused' ELSE 'active' END AS status,
  DATE '2024-01-01' + dice % 700 AS subscribed_on
FROM customers
