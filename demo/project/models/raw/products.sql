MODEL (
  name raw.products,
  kind SEED (
    path '$root/seeds/products.csv'
  ),
  columns (product_id INT, name TEXT, origin TEXT, roast TEXT, price NUMERIC(10, 2)),
  grain product_id,
  owner catalogue,
  description 'What the shop sells.',
  audits (UNIQUE_VALUES(columns := (product_id)), NOT_NULL(columns := (product_id, price)))
);
