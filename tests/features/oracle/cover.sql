WITH stand AS (
  SELECT seller_id, sku_id, as_of, any_value(horizon_days) AS h,
    arg_min(on_hand, k) FILTER (on_hand IS NOT NULL) AS here, avg(demand) AS usual, avg(demand) FILTER (k <= 7) AS recent,
    CASE WHEN count(demand) >= 3 THEN stddev_samp(demand) END AS std, max(on_hand) AS most,
    max(on_hand) FILTER (k = 2) - max(on_hand) FILTER (k = 1) AS fell, count(on_hand) > 0 AS counted
  FROM scaled GROUP BY ALL),
rise AS (
  SELECT p.seller_id, p.sku_id, p.as_of, count(*) AS rises, min(p.k) AS latest FROM past p
  JOIN past q ON q.seller_id = p.seller_id AND q.sku_id = p.sku_id AND q.as_of = p.as_of AND q.k = p.k + 1
  WHERE p.on_hand > q.on_hand GROUP BY ALL),
ordered AS (SELECT * FROM inbound WHERE event = 'ordered'),
open AS (
  SELECT a.seller_id, a.sku_id, a.as_of, sum(quantity) AS units, count(*) AS number,
    coalesce(sum(quantity) FILTER (expected_at < a.as_of + a.horizon_days * INTERVAL 1 DAY), 0) AS within,
    min(hours_between(a.as_of, expected_at)) / 24 AS due, max(hours_between(o.recorded_at, a.as_of)) / 24 AS age
  FROM asked a JOIN ordered o ON o.seller_id = a.seller_id AND o.sku_id = a.sku_id AND o.recorded_at < a.as_of
    AND o.recorded_at >= a.as_of - INTERVAL 120 DAY
  WHERE NOT EXISTS (FROM inbound i WHERE i.inbound_id = o.inbound_id AND i.event <> 'ordered' AND i.recorded_at < a.as_of)
  GROUP BY ALL)
SELECT s.seller_id, s.sku_id, s.as_of, here AS on_hand_units, fell / nullif(usual, 0) AS on_hand_lag_1_days,
  CASE WHEN here / nullif(usual, 0) > 365 THEN 365 ELSE here / nullif(usual, 0) END AS cover_days,
  CASE WHEN here / nullif(recent, 0) > 365 THEN 365 ELSE here / nullif(recent, 0) END AS cover_recent_days,
  CASE WHEN here / nullif(usual, 0) > 365 THEN 365 ELSE here / nullif(usual, 0) END - h AS cover_after_horizon_days,
  CASE WHEN (here + coalesce(within, 0)) / nullif(usual, 0) > 365 THEN 365
    ELSE (here + coalesce(within, 0)) / nullif(usual, 0) END - h AS cover_with_inbound_after_horizon_days,
  CASE WHEN std > 0 AND here IS NOT NULL THEN least(greatest((here - usual * h) / (std * sqrt(h)), -50), 50) END AS cover_std,
  here / nullif(most, 0) AS on_hand_share_of_most_28d,
  CASE WHEN counted THEN coalesce(rises, 0) END AS restocks_count_28d,
  CASE WHEN counted THEN coalesce(latest, 29) END AS since_restock_days,
  coalesce(units, 0) AS open_inbound_units, coalesce(number, 0) AS open_inbound_count, due AS next_inbound_days,
  coalesce(within, 0) AS inbound_within_units, age AS inbound_age_days
FROM stand s LEFT JOIN rise USING (seller_id, sku_id, as_of) LEFT JOIN open USING (seller_id, sku_id, as_of)
