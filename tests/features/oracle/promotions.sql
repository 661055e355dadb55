WITH ahead AS (
  SELECT a.seller_id, a.sku_id, a.as_of, p.promo_day - a.d AS h, coalesce(p.discount_share, 0) AS discount,
    p.has_activity::DOUBLE AS activity, a.horizon_days
  FROM asked a JOIN promotions p ON p.seller_id = a.seller_id AND p.sku_id = a.sku_id AND p.promo_day >= a.d
    AND p.recorded_at < a.as_of AND p.promo_day - p.recorded_at::DATE <= 90),
plan AS (
  SELECT seller_id, sku_id, as_of, max(discount) FILTER (h = 0) AS today, max(activity) FILTER (h = 0) AS active,
    max(discount) FILTER (h = 1) AS tomorrow, max(discount) FILTER (h < horizon_days) AS most,
    sum(activity) FILTER (h < horizon_days) AS featured
  FROM ahead GROUP BY ALL),
before AS (
  SELECT seller_id, sku_id, as_of, avg(discount) AS usual, avg(discount) FILTER (k <= 7) AS week, avg(activity) AS share,
    max(discount) FILTER (k = 1) AS yesterday, max(activity) FILTER (k = 1) AS was_active
  FROM past GROUP BY ALL)
SELECT a.seller_id, a.sku_id, a.as_of, today AS discount_share, today - yesterday AS discount_change_share,
  today - usual AS discount_excess_share_28d, today - week AS discount_excess_share_7d, most AS discount_most_share,
  active AS has_activity, active - was_active AS has_activity_change, share AS activity_share_28d,
  featured AS activity_days, tomorrow AS discount_next_share
FROM asked a LEFT JOIN plan USING (seller_id, sku_id, as_of) LEFT JOIN before USING (seller_id, sku_id, as_of)
