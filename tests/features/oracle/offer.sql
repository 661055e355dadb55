-- The article of the first line: its price beside the highest of 400 days, and the days on which it was paused or out.
WITH line AS (
  SELECT b.order_id, b.as_of, b.d, o.recorded_at AS ordered, i.seller_id, i.sku_id
  FROM base b JOIN orders o ON o.order_id = b.order_id JOIN order_items i ON i.order_id = b.order_id AND i.recorded_at < b.as_of
  QUALIFY row_number() OVER (PARTITION BY b.order_id, b.as_of ORDER BY i.recorded_at, i.line_no) = 1),
price AS (
  SELECT n.order_id, n.as_of, last(l.price ORDER BY l.recorded_at, l.price) AS price, max(l.recorded_at) AS since,
    max(l.price) AS highest
  FROM line n JOIN listings l ON l.seller_id = n.seller_id AND l.sku_id = n.sku_id AND l.recorded_at < n.as_of
    AND l.recorded_at <= n.ordered AND l.recorded_at >= n.as_of - INTERVAL 400 DAY AND l.price IS NOT NULL
  GROUP BY ALL),
shelf AS (
  SELECT *, recorded_at::DATE AS day, coalesce(in_stock_share <= 0.75, false) OR coalesce(on_hand = 0, false) AS is_out,
    coalesce(on_hand > 0, false) AND in_stock_share < 1 AS short
  FROM stock WHERE recorded_at::DATE - stock_day <= 3),
counted AS (
  SELECT n.order_id, n.as_of, w.n AS days, count(*) AS reported, count(*) FILTER (short AND NOT is_out) AS paused,
    count(*) FILTER (is_out) AS out
  FROM line n CROSS JOIN (VALUES (3), (7), (28)) w(n)
  JOIN shelf s ON s.seller_id = n.seller_id AND s.sku_id = n.sku_id AND s.day BETWEEN n.d - w.n AND n.d - 1
  GROUP BY ALL)
SELECT b.order_id, b.as_of, p.price / nullif(p.highest, 0) AS listing_price_ratio,
  hours_between(p.since, b.as_of) / 24 AS listing_price_age_days,
  max(paused / reported) FILTER (days = 3) AS article_paused_share_3d,
  max(paused / reported) FILTER (days = 7) AS article_paused_share_7d,
  max(paused / reported) FILTER (days = 28) AS article_paused_share_28d,
  max(out / reported) FILTER (days = 3) AS article_out_share_3d, max(out / reported) FILTER (days = 7) AS article_out_share_7d,
  max(out / reported) FILTER (days = 28) AS article_out_share_28d
FROM base b LEFT JOIN price p ON p.order_id = b.order_id AND p.as_of = b.as_of
LEFT JOIN counted c ON c.order_id = b.order_id AND c.as_of = b.as_of
GROUP BY ALL
