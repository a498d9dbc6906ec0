MODEL (
  name raw.plans,
  kind SEED (
    path '$root/seeds/plans.csv'
  ),
  columns (plan TEXT, monthly_price NUMERIC(10, 2), bags INT),
  grain plan,
  owner catalogue,
  description 'What a subscription costs a month.'
);
