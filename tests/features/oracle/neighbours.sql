-- Reports count on the day on which they became known, or their own day where that is later.
WITH listed AS (
  SELECT seller_id, sku_id, first(category ORDER BY recorded_at, active_from) AS category, min(recorded_at)::DATE AS listed_day
  FROM listings WHERE category IS NOT NULL GROUP BY ALL),
placed AS (
  SELECT seller_id, sku_id, first(region ORDER BY recorded_at, active_from) AS region, min(recorded_at)::DATE AS placed_day
  FROM listings WHERE region IS NOT NULL GROUP BY ALL),
report AS (
  SELECT s.*, greatest(s.recorded_at::DATE, stock_day) AS day0, CASE WHEN listed_day <= day0 THEN category END AS category,
    CASE WHEN placed_day <= day0 THEN region END AS region,
    (closing_share IS NOT NULL)::INT AS evenings, round(1 - closing_share, 6) AS dark,
    (ended_out IS NOT NULL)::INT AS ends, ended_out::INT AS emptied,
    (coalesce(in_stock_share <= 0.75, false) OR coalesce(on_hand = 0, false))::INT AS out,
    round(1 - coalesce(in_stock_share, CASE WHEN on_hand = 0 THEN 0 ELSE 1 END), 6) AS lost
  FROM stock s LEFT JOIN listed USING (seller_id, sku_id) LEFT JOIN placed USING (seller_id, sku_id) WHERE in_stock_share IS NOT NULL OR on_hand IS NOT NULL),
me AS (
  SELECT a.*, CASE WHEN listed_day < a.d THEN category END AS category, CASE WHEN placed_day < a.d THEN region END AS region
  FROM asked a LEFT JOIN listed USING (seller_id, sku_id) LEFT JOIN placed USING (seller_id, sku_id)),
pair AS (
  SELECT m.seller_id, m.sku_id, m.as_of, m.d - r.day0 AS back, r.out, r.lost, r.evenings, r.dark, r.ends, r.emptied, s.scope
  FROM me m JOIN report r ON r.day0 BETWEEN m.d - 28 AND m.d - 1,
    LATERAL (SELECT unnest(['sku', 'category', 'seller', 'region_sku', 'region_category', 'region', 'platform']) AS scope) s
  WHERE CASE scope WHEN 'sku' THEN r.sku_id = m.sku_id WHEN 'category' THEN r.category = m.category
    WHEN 'seller' THEN r.seller_id = m.seller_id WHEN 'region_sku' THEN r.region = m.region AND r.sku_id = m.sku_id
    WHEN 'region_category' THEN r.region = m.region AND r.category = m.category WHEN 'region' THEN r.region = m.region
    ELSE true END),
counted AS (
  SELECT seller_id, sku_id, as_of, scope, {counts} FROM pair GROUP BY ALL),
done AS (
  SELECT c.seller_id, c.sku_id, c.as_of, c.scope, {shares}, 1 - c.lost1 / nullif(c.n1, 0) AS in_stock
  FROM counted c JOIN counted p ON p.seller_id = c.seller_id AND p.sku_id = c.sku_id AND p.as_of = c.as_of AND p.scope = 'platform')
SELECT seller_id, sku_id, as_of, {values} FROM done GROUP BY ALL
