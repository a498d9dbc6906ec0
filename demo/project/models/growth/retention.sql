MODEL (
  name growth.retention,
  kind FULL,
  cron '@daily',
  grain cohort,
  owner growth,
  description 'Of the customers who subscribed in a month: how many are still active, and how many ordered this week.'
);

SELECT
  DATE_TRUNC('month', history.subscribed_on)::DATE AS cohort,
  COUNT(DISTINCT history.customer_id) AS customers,
  COUNT(DISTINCT CASE WHEN history.status = 'active' THEN history.customer_id END) AS active,
  COUNT(DISTINCT orders.customer_id) AS ordered
FROM shop.subscription_history AS history
LEFT JOIN shop.orders AS orders
  USING (customer_id)
WHERE
  history.valid_to IS NULL
GROUP BY
  1
