-- A seller's arrivals are mixed with those of the article's category (where it is known by then), those with all.
WITH listed AS (
  SELECT seller_id, sku_id, first(category ORDER BY recorded_at, active_from) AS category, min(recorded_at)::DATE AS listed_day
  FROM listings WHERE category IS NOT NULL GROUP BY ALL),
pair AS (
  SELECT o.seller_id, greatest(o.recorded_at, r.recorded_at)::DATE AS known_day, ln(hours_between(o.event_at, r.event_at) / 24) AS log,
    CASE WHEN listed_day <= known_day THEN category END AS category
  FROM inbound o JOIN inbound r ON r.inbound_id = o.inbound_id AND r.event = 'received'
    LEFT JOIN listed l ON l.seller_id = o.seller_id AND l.sku_id = o.sku_id WHERE o.event = 'ordered'),
me AS (
  SELECT a.*, CASE WHEN listed_day < a.d THEN category END AS category FROM asked a LEFT JOIN listed USING (seller_id, sku_id)),
day AS (SELECT DISTINCT seller_id, category, d FROM me),
counted AS (
  SELECT day.*, count(log) FILTER (p.seller_id = day.seller_id) AS n, sum(round(log, 6)) FILTER (p.seller_id = day.seller_id) AS log1,
    sum(round(log * log, 6)) FILTER (p.seller_id = day.seller_id) AS log2,
    count(log) FILTER (p.category = day.category) AS cn, sum(round(log, 6)) FILTER (p.category = day.category) AS c1,
    sum(round(log * log, 6)) FILTER (p.category = day.category) AS c2, count(log) AS pn, sum(round(log, 6)) AS p1,
    sum(round(log * log, 6)) AS p2, EXISTS (FROM inbound i WHERE i.recorded_at::DATE < day.d) AS has_inbound
  FROM day LEFT JOIN pair p ON p.known_day BETWEEN day.d - 90 AND day.d - 1 GROUP BY ALL),
category_mixed AS (
  SELECT *, (coalesce(c1, 0) + 5 * coalesce(p1 / nullif(pn, 0), ln(7))) / (cn + 5) AS cm,
    (coalesce(c2, 0) + 5 * coalesce(p2 / nullif(pn, 0), ln(7) ** 2 + 0.25)) / (cn + 5) AS csecond FROM counted),
mixed AS (
  SELECT *, (coalesce(log1, 0) + 5 * cm) / (n + 5) AS m, (coalesce(log2, 0) + 5 * csecond) / (n + 5) AS second FROM category_mixed)
SELECT me.seller_id, me.sku_id, me.as_of, CASE WHEN has_inbound THEN exp(m) END AS lead_time_days,
  CASE WHEN has_inbound THEN exp(m + 1.2815515655446004 * spread(second, m, 0.1)) END AS lead_time_p90_days,
  n AS arrivals_count_90d
FROM me JOIN mixed ON mixed.seller_id = me.seller_id AND mixed.d = me.d AND mixed.category IS NOT DISTINCT FROM me.category
