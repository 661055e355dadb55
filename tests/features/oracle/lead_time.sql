WITH pair AS (
  SELECT o.seller_id, greatest(o.recorded_at, r.recorded_at)::DATE AS known_day, ln(hours_between(o.event_at, r.event_at) / 24) AS log
  FROM inbound o JOIN inbound r ON r.inbound_id = o.inbound_id AND r.event = 'received' WHERE o.event = 'ordered'),
day AS (SELECT DISTINCT seller_id, as_of, d FROM asked),
counted AS (
  SELECT day.*, count(log) FILTER (p.seller_id = day.seller_id) AS n, sum(round(log, 6)) FILTER (p.seller_id = day.seller_id) AS log1,
    sum(round(log * log, 6)) FILTER (p.seller_id = day.seller_id) AS log2, count(log) AS pn, sum(round(log, 6)) AS p1,
    sum(round(log * log, 6)) AS p2, EXISTS (FROM inbound i WHERE i.recorded_at::DATE < day.d) AS has_inbound
  FROM day LEFT JOIN pair p ON p.known_day BETWEEN day.d - 90 AND day.d - 1 GROUP BY ALL),
mixed AS (
  SELECT *, (coalesce(log1, 0) + 5 * coalesce(p1 / nullif(pn, 0), ln(7))) / (n + 5) AS m,
    (coalesce(log2, 0) + 5 * coalesce(p2 / nullif(pn, 0), ln(7) ** 2 + 0.25)) / (n + 5) AS second FROM counted)
SELECT a.seller_id, a.sku_id, a.as_of, CASE WHEN has_inbound THEN exp(m) END AS lead_time_days,
  CASE WHEN has_inbound THEN exp(m + 1.2815515655446004 * spread(second, m, 0.1)) END AS lead_time_p90_days,
  n AS arrivals_count_90d
FROM asked a JOIN mixed USING (seller_id, as_of)
