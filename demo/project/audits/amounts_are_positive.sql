AUDIT (
  name amounts_are_positive
);

SELECT
  *
FROM @this_model
WHERE
  @column <= 0 AND paid_at BETWEEN @start_ts AND @end_ts
