MODEL (
  name shop.payments,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column paid_at
  ),
  cron '@hourly',
  grain payment_id,
  owner finance,
  tags (finance),
  description 'Checked payments. The audit stops a day on which the provider sends nonsense.',
  audits (
    AMOUNTS_ARE_POSITIVE(column := amount),
    UNIQUE_VALUES(columns := (payment_id), condition := paid_at BETWEEN @start_ts AND @end_ts)
  )
);

WITH provider AS (
  SELECT
    COALESCE(MAX(value), 0) AS is_broken
  FROM ops.switches
  WHERE
    name = 'provider_bug'
)
SELECT
  payments.payment_id,
  payments.order_id,
  payments.paid_at,
  CASE
    WHEN provider.is_broken > 0 AND payments.method = 'wallet'
    THEN -payments.amount
    ELSE payments.amount
  END AS amount,
  payments.method
FROM raw.payments AS payments
CROSS JOIN provider
WHERE
  payments.paid_at BETWEEN @start_ts AND @end_ts
