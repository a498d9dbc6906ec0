MODEL (
  name shop.subscription_history,
  kind SCD_TYPE_2_BY_COLUMN (
    unique_key customer_id,
    columns (plan, status)
  ),
  cron '@hourly',
  grain (customer_id, valid_from),
  owner analytics,
  tags (finance),
  description 'Who had which plan from when to when.'
);

SELECT
  customer_id,
  plan,
  status,
  subscribed_on
FROM raw.subscriptions
