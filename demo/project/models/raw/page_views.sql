MODEL (
  name raw.page_views,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column viewed_at
  ),
  cron '*/5 * * * *',
  owner platform,
  tags (live),
  description 'What visitors look at: four views a minute. A quarter of the visitors come back within the hour.'
);

SELECT
  moment AS viewed_at,
  TO_CHAR(moment, 'YYMMDDHH24') || '-' || (
    HASHTEXT(moment::TEXT) & 2147483647
  ) % 90 AS session_id,
  (ARRAY['/', '/', '/coffee', '/coffee', '/subscribe', '/basket'])[
    1 + (
      HASHTEXT(moment::TEXT) & 2147483647
    ) % 6
  ] AS path
FROM GENERATE_SERIES(
  @start_ts::TIMESTAMP,
  @end_ts::TIMESTAMP,
  INTERVAL '15 seconds'
) AS moments(moment)
