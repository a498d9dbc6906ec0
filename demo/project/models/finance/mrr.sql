MODEL (
  name finance.mrr,
  kind FULL,
  cron '@daily',
  grain plan,
  owner finance,
  tags (finance),
  description 'Monthly recurring revenue by plan, of the subscriptions that are active now.'
);

SELECT
  history.plan,
  COUNT(*) AS subscribers,
  SUM(plans.monthly_price) AS mrr
FROM shop.subscription_history AS history
JOIN raw.plans AS plans
  USING (plan)
WHERE
  history.valid_to IS NULL AND history.status = 'active'
GROUP BY
  history.plan
