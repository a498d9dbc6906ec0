MODEL (
  name shop.sessions,
  kind INCREMENTAL_BY_UNIQUE_KEY (
    unique_key session_id
  ),
  cron '*/5 * * * *',
  grain session_id,
  owner analytics,
  tags (live),
  description 'Visits: the views of one visitor within an hour; a visit grows while it lasts.',
  audits (UNIQUE_VALUES(columns := (session_id)))
);

SELECT
  session_id,
  MIN(viewed_at) AS began_at,
  MAX(viewed_at) AS last_seen_at,
  COUNT(*) AS views,
  MAX(CASE WHEN path = '/basket' THEN 1 ELSE 0 END) AS reached_basket
FROM raw.page_views
WHERE
  viewed_at BETWEEN DATE_BIN(INTERVAL '1 hour', @start_ts::TIMESTAMP, TIMESTAMP '2020-01-01') AND @end_ts
GROUP BY
  session_id
