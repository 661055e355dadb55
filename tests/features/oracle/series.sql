-- Stock as it was known: one row per asked series and day back (k = 1 .. 28), nulls where nothing was known.
CREATE TABLE past AS
WITH days AS (SELECT a.*, k::INTEGER AS k FROM asked a CROSS JOIN range(1, 29) t(k)),
sold AS (SELECT seller_id, sku_id, recorded_at::DATE AS sold_day, sum(quantity) AS pieces FROM order_items GROUP BY ALL)
SELECT days.seller_id, days.sku_id, days.as_of, days.d, days.horizon_days, days.k,
  s.in_stock_share AS share, s.on_hand, s.closing_share AS closing, s.ended_out::INT AS ended,
  CASE WHEN s.stock_day IS NOT NULL THEN coalesce(s.units_sold, coalesce(o.pieces, 0)) END AS units,
  (s.in_stock_share IS NOT NULL OR s.on_hand IS NOT NULL) AS seen,
  CASE WHEN s.in_stock_share IS NOT NULL OR s.on_hand IS NOT NULL
    THEN coalesce(s.in_stock_share <= 0.75, false) OR coalesce(s.on_hand = 0, false) END AS is_out,
  p.promo_day IS NOT NULL AS planned,
  CASE WHEN p.promo_day IS NOT NULL THEN coalesce(p.discount_share, 0) END AS discount, p.has_activity::DOUBLE AS activity
FROM days
LEFT JOIN stock s ON s.seller_id = days.seller_id AND s.sku_id = days.sku_id AND s.stock_day = days.d - k
  AND s.recorded_at < days.as_of
LEFT JOIN sold o ON o.seller_id = days.seller_id AND o.sku_id = days.sku_id AND o.sold_day = days.d - k
LEFT JOIN promotions p ON p.seller_id = days.seller_id AND p.sku_id = days.sku_id AND p.promo_day = days.d - k
  AND p.recorded_at < days.as_of;
CREATE TABLE scaled AS
SELECT *, CASE WHEN enough > 0.25 THEN units / enough END AS demand
FROM (SELECT *, coalesce(share, CASE WHEN on_hand > 0 THEN 1.0 END) AS enough FROM past);
