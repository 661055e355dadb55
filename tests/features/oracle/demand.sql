WITH usual AS (SELECT seller_id, sku_id, as_of, avg(demand) AS usual FROM scaled GROUP BY ALL)
SELECT s.seller_id, s.sku_id, s.as_of,
  avg(demand) FILTER (k <= 3) AS demand_units_3d, avg(demand) FILTER (k <= 7) AS demand_units_7d,
  avg(demand) FILTER (k <= 14) AS demand_units_14d, avg(demand) AS demand_units_28d,
  max(demand) FILTER (k = 1) / any_value(nullif(usual, 0)) AS demand_lag_1_ratio,
  max(demand) FILTER (k = 2) / any_value(nullif(usual, 0)) AS demand_lag_2_ratio,
  max(demand) FILTER (k = 3) / any_value(nullif(usual, 0)) AS demand_lag_3_ratio,
  max(demand) FILTER (k = 7) / any_value(nullif(usual, 0)) AS demand_lag_7_ratio,
  max(units) FILTER (k = 1) / any_value(nullif(usual, 0)) AS sales_lag_1_ratio,
  max(units) FILTER (k = 7) / any_value(nullif(usual, 0)) AS sales_lag_7_ratio,
  CASE WHEN count(demand) >= 3 THEN stddev_samp(demand) END AS demand_std_28d,
  CASE WHEN count(demand) >= 3 THEN stddev_samp(demand) END / any_value(nullif(usual, 0)) AS demand_std_ratio_28d,
  avg(demand) FILTER (k <= 7) / any_value(nullif(usual, 0)) AS demand_trend_ratio_28d,
  avg(demand) FILTER (k <= 3) / any_value(nullif(usual, 0)) AS demand_recent_ratio_28d,
  avg((demand <= 0)::INT) FILTER (demand IS NOT NULL) AS no_sale_share_28d,
  avg(demand) FILTER (k IN (7, 14, 21, 28)) AS demand_weekday_units_28d,
  avg(demand) FILTER (k IN (7, 14, 21, 28)) / any_value(nullif(usual, 0)) AS demand_weekday_ratio_28d,
  avg(demand) FILTER (k IN (7, 14, 21, 28)) / nullif(avg(demand) FILTER (k IN (1, 8, 15, 22)), 0)
    AS demand_weekday_to_latest_ratio_28d
FROM scaled s JOIN usual USING (seller_id, sku_id, as_of) GROUP BY s.seller_id, s.sku_id, s.as_of
