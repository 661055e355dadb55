WITH run AS (
  SELECT seller_id, sku_id, as_of, min(k) FILTER (seen AND NOT is_out) AS first_in FROM past GROUP BY ALL),
started AS (
  SELECT p.seller_id, p.sku_id, p.as_of, count(*) AS runs FROM past p
  LEFT JOIN past q ON q.seller_id = p.seller_id AND q.sku_id = p.sku_id AND q.as_of = p.as_of AND q.k = p.k + 1
  WHERE p.is_out AND NOT coalesce(q.is_out, false) GROUP BY ALL)
SELECT p.seller_id, p.sku_id, p.as_of,
  avg(share) FILTER (k <= 3) AS in_stock_share_3d, avg(share) FILTER (k <= 7) AS in_stock_share_7d,
  avg(share) FILTER (k <= 14) AS in_stock_share_14d, avg(share) AS in_stock_share_28d,
  max(share) FILTER (k = 1) AS in_stock_share_lag_1_days, max(share) FILTER (k = 2) AS in_stock_share_lag_2_days,
  max(share) FILTER (k = 3) AS in_stock_share_lag_3_days, max(share) FILTER (k = 4) AS in_stock_share_lag_4_days,
  max(share) FILTER (k = 5) AS in_stock_share_lag_5_days, max(share) FILTER (k = 6) AS in_stock_share_lag_6_days,
  max(share) FILTER (k = 7) AS in_stock_share_lag_7_days,
  avg(is_out::INT) FILTER (k <= 7) AS stock_out_share_7d, avg(is_out::INT) FILTER (k <= 14) AS stock_out_share_14d,
  avg(is_out::INT) AS stock_out_share_28d,
  arg_min(share, k) FILTER (share IS NOT NULL) AS in_stock_share_latest,
  CASE WHEN count(share) >= 3 THEN stddev_samp(share) END AS in_stock_share_std_28d,
  avg(share) FILTER (k <= 7) - avg(share) AS in_stock_share_trend_28d,
  sum(share * 0.5 ** ((k - 1) / 5)) / nullif(sum(0.5 ** ((k - 1) / 5)) FILTER (share IS NOT NULL), 0) AS in_stock_share_weighted_28d,
  CASE WHEN bool_or(seen) THEN coalesce(min(k) FILTER (is_out), 29) END AS since_stock_out_days,
  CASE WHEN count(share) > 0 THEN coalesce(min(k) FILTER (share < 1), 29) END AS since_partial_days,
  CASE WHEN bool_or(seen) THEN count(*) FILTER (is_out AND k < coalesce(first_in, 99)) END AS stock_out_run_days,
  CASE WHEN bool_or(seen) THEN coalesce(any_value(runs), 0) END AS stock_out_runs_count_28d,
  min(k) FILTER (seen) AS report_age_days, count(*) FILTER (seen) AS reported_days_28d,
  avg((share < 1 AND NOT is_out)::INT) FILTER (share IS NOT NULL) AS partial_share_28d,
  max(closing) FILTER (k = 1) AS closing_share_lag_1_days, max(ended) FILTER (k = 1) AS ended_out_lag_1_days,
  max(closing) FILTER (k = 2) AS closing_share_lag_2_days, max(ended) FILTER (k = 2) AS ended_out_lag_2_days,
  max(closing) FILTER (k = 7) AS closing_share_lag_7_days, max(ended) FILTER (k = 7) AS ended_out_lag_7_days,
  avg(closing) FILTER (k <= 7) AS closing_share_7d, avg(ended) FILTER (k <= 7) AS ended_out_share_7d,
  avg(closing) FILTER (k <= 28) AS closing_share_28d, avg(ended) FILTER (k <= 28) AS ended_out_share_28d,
  avg(closing) FILTER (k % 7 = 0) AS closing_weekday_share_28d, avg(ended) FILTER (k % 7 = 0) AS ended_out_weekday_share_28d
FROM past p JOIN run USING (seller_id, sku_id, as_of) LEFT JOIN started USING (seller_id, sku_id, as_of)
GROUP BY p.seller_id, p.sku_id, p.as_of
