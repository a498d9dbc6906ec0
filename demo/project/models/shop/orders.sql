MODEL (
  name shop.orders,
  kind VIEW,
  cron '*/5 * * * *',
  grain order_id,
  owner analytics,
  tags (live),
  description 'Orders with what was bought and for how much.'
);

SELECT
  orders.order_id,
  orders.ordered_at,
  orders.customer_id,
  orders.channel,
  products.name AS product,
  products.origin,
  orders.quantity,
  ROUND(orders.quantity * products.price, 2) AS amount
FROM raw.orders AS orders
JOIN raw.products AS products
  USING (product_id)
