-- Silences between scans in the order in which they became known, by carrier.
WITH gap AS (
  SELECT e.shipment_id, e.recorded_at::DATE AS gap_day, p.carrier, p.plan_day,
    hours_between(lag(e.recorded_at) OVER (PARTITION BY e.shipment_id ORDER BY e.recorded_at, e.event_at, e.event), e.recorded_at) AS gap
  FROM shipment_events e
  JOIN (SELECT shipment_id, first(carrier ORDER BY recorded_at) AS carrier, min(recorded_at)::DATE AS plan_day
        FROM shipments GROUP BY ALL) p USING (shipment_id)),
fact AS (SELECT *, ln(greatest(gap, 0.1)) AS log FROM gap WHERE gap <= 60 * 24),
counted AS (
  SELECT b.order_id, b.as_of, b.last_known_at,
    count(*) FILTER (own) AS n, sum(round(log, 6)) FILTER (own) AS log, sum(round(log * log, 6)) FILTER (own) AS square,
    count(f.gap) AS p_n, sum(round(f.log, 6)) AS p_log, sum(round(f.log * f.log, 6)) AS p_square
  FROM (SELECT * FROM base WHERE last_known_at IS NOT NULL) b
  LEFT JOIN (SELECT *, carrier AS its FROM fact) f ON f.gap_day BETWEEN b.d - 28 AND b.d - 1,
    LATERAL (SELECT coalesce(f.its = b.carrier AND f.plan_day <= f.gap_day, false) AS own)
  GROUP BY ALL),
mixed AS (
  SELECT *, (coalesce(log, 0) + 50 * p_log / nullif(p_n, 0)) / (n + 50) AS mean,
    (coalesce(square, 0) + 50 * p_square / nullif(p_n, 0)) / (n + 50) AS second FROM counted),
done AS (
  SELECT order_id, as_of, exp(mean) AS scan_gap_usual_hours_28d,
    hours_between(last_known_at, as_of) - left_of(mean, spread(second, mean, 0.15), 0, 0, 0.9) AS scan_gap_excess_hours_28d,
    1 / (1 + odds(hours_between(last_known_at, as_of), mean, spread(second, mean, 0.15))) AS scan_gap_chance_28d
  FROM mixed)
SELECT a.order_id, a.as_of, done.* EXCLUDE (order_id, as_of) FROM asked a LEFT JOIN done USING (order_id, as_of)
