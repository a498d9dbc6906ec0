MODEL (
  name raw.payments,
  kind INCREMENTAL_UNMANAGED,
  cron '@hourly',
  owner platform,
  tags (finance),
  description 'The feed of the payment provider: it only ever appends, so an hour taken twice is there twice.'
);

SELECT
  'pay-' || orders.order_id AS payment_id,
  orders.order_id,
  orders.ordered_at + INTERVAL '20 seconds' AS paid_at,
  ROUND(orders.quantity * products.price, 2) AS amount,
  (ARRAY['card', 'card', 'wallet', 'transfer'])[1 + orders.order_id % 4] AS method
FROM raw.orders AS orders
JOIN raw.products AS products
  USING (product_id)
WHERE
  orders.ordered_at BETWEEN @start_ts AND @end_ts
