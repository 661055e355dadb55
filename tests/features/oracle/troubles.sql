-- How orders ended, by the day on which it became known, for the article, its seller, the buyer and everybody.
WITH line AS (
  SELECT order_id, first(seller_id ORDER BY recorded_at, line_no) AS seller_id,
    first(sku_id ORDER BY recorded_at, line_no) AS sku_id, min(recorded_at)::DATE AS item_day
  FROM order_items GROUP BY order_id),
fact AS (
  SELECT order_id, 'ordered' AS fact, recorded_at FROM orders
  UNION ALL SELECT s.order_id, 'delivered', e.recorded_at FROM shipment_events e JOIN shipments s USING (shipment_id) WHERE event = 'delivered'
  UNION ALL SELECT order_id, 'given_up', recorded_at FROM order_events WHERE event = 'cancelled' AND "by" = 'seller'
  UNION ALL SELECT order_id, 'returned', recorded_at FROM order_events WHERE event IN ('return_requested', 'refunded')
  UNION ALL SELECT order_id, 'disputed', recorded_at FROM disputes WHERE event = 'opened'
  UNION ALL SELECT order_id, 'reviewed_badly', recorded_at FROM reviews WHERE score <= 2
  UNION ALL SELECT order_id, 'wrote', recorded_at FROM contacts),
dated AS (
  SELECT f.order_id, fact, o.buyer_id, l.seller_id, l.sku_id, o.recorded_at::DATE AS order_day, item_day,
    min(f.recorded_at)::DATE AS day
  FROM fact f JOIN orders o USING (order_id) LEFT JOIN line l USING (order_id) GROUP BY ALL),
placed AS (SELECT *, greatest(day, order_day, item_day) AS line_day, greatest(day, order_day) AS buyer_day FROM dated),
mine AS (
  SELECT b.order_id, b.as_of, b.d, b.buyer_id, i.seller_id, i.sku_id FROM base b
  LEFT JOIN order_items i ON i.order_id = b.order_id AND i.recorded_at < b.as_of
  QUALIFY row_number() OVER (PARTITION BY b.order_id, b.as_of ORDER BY i.recorded_at, i.line_no) = 1),
counted AS (
  SELECT m.order_id, m.as_of, w.n AS days, f.fact,
    count(*) FILTER (f.seller_id = m.seller_id AND f.sku_id = m.sku_id) AS article,
    count(*) FILTER (f.seller_id = m.seller_id) AS seller, count(*) AS everybody
  FROM mine m CROSS JOIN (VALUES (28), (90)) w(n)
  JOIN placed f ON f.line_day BETWEEN m.d - w.n AND m.d - 1 AND f.seller_id IS NOT NULL AND f.line_day - f.order_day <= 120
  GROUP BY ALL),
kinds AS (SELECT * FROM (VALUES ('given_up', 'ordered'), ('returned', 'delivered'), ('disputed', 'delivered'),
  ('reviewed_badly', 'delivered'), ('wrote', 'ordered')) k(fact, of)),
shares AS (
  SELECT m.order_id, m.as_of, k.fact, w.n AS days,
    (coalesce(a.article, 0) + 8 * p) / (coalesce(t.article, 0) + 8) AS article,
    (coalesce(a.seller, 0) + 15 * p) / (coalesce(t.seller, 0) + 15) AS seller
  FROM mine m CROSS JOIN kinds k CROSS JOIN (VALUES (28), (90)) w(n)
  LEFT JOIN counted a ON a.order_id = m.order_id AND a.as_of = m.as_of AND a.days = w.n AND a.fact = k.fact
  LEFT JOIN counted t ON t.order_id = m.order_id AND t.as_of = m.as_of AND t.days = w.n AND t.fact = k.of
  CROSS JOIN LATERAL (SELECT coalesce(a.everybody, 0) / nullif(t.everybody, 0) AS p)
  WHERE m.seller_id IS NOT NULL),
own AS (
  SELECT m.order_id, m.as_of, fact, count(*) AS orders FROM mine m
  JOIN placed f ON f.buyer_id = m.buyer_id AND f.buyer_day BETWEEN m.d - 90 AND m.d - 1 AND f.buyer_day - f.order_day <= 120
  GROUP BY ALL)
SELECT m.order_id, m.as_of, {columns},
  CASE WHEN m.seller_id IS NOT NULL THEN
    coalesce((SELECT c.article FROM counted c WHERE c.order_id = m.order_id AND c.as_of = m.as_of AND c.days = 28 AND c.fact = 'ordered'), 0)
  END AS article_ordered_count_28d
FROM mine m
