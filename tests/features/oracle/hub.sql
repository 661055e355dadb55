-- The hub of the last scan: stays that ended, arrivals, and who stands there.
WITH scan AS (SELECT *, recorded_at::DATE AS known_day FROM shipment_events WHERE hub IS NOT NULL),
came AS (
  SELECT shipment_id, hub, first(event_at ORDER BY recorded_at, event_at) AS in_at, min(known_day) AS in_day
  FROM scan WHERE event = 'hub_in' GROUP BY ALL),
went AS (
  SELECT shipment_id, hub, first(event_at ORDER BY recorded_at, event_at) AS out_at, min(known_day) AS out_day
  FROM scan WHERE event = 'hub_out' GROUP BY ALL),
stay AS (
  SELECT *, greatest(in_day, out_day) AS both_day, ln_hours(in_at, out_at) AS log,
    CASE WHEN out_day IS NULL THEN in_day + 30 ELSE least(in_day + 30, greatest(in_day, out_day)) END AS gone
  FROM came LEFT JOIN went USING (shipment_id, hub)),
pair AS (
  SELECT 'own' AS who, b.order_id, b.as_of, b.d, s.* FROM base b JOIN stay s ON s.hub = b.last_hub
  UNION ALL SELECT 'all', b.order_id, b.as_of, b.d, s.* FROM base b CROSS JOIN stay s),
counted AS (
  SELECT who, order_id, as_of,
    count(*) FILTER (left7 AND ended) AS n7, sum(round(log, 6)) FILTER (left7 AND ended) AS log7,
    sum(round(log * log, 6)) FILTER (left7 AND ended) AS square7,
    count(*) FILTER (left28 AND ended) AS n28, sum(round(log, 6)) FILTER (left28 AND ended) AS log28,
    sum(round(log * log, 6)) FILTER (left28 AND ended) AS square28,
    count(*) FILTER (left7 AND ended AND greatest(hours_between(in_at, out_at), 1) > 48) AS long7,
    count(*) FILTER (in_day BETWEEN d - 7 AND d - 1) AS arrived7, count(*) FILTER (in_day BETWEEN d - 28 AND d - 1) AS arrived28,
    count(*) FILTER (in_day < d AND gone >= d AND in_day < gone) AS inside
  FROM (SELECT *, out_day IS NOT NULL AND abs(out_day - in_day) <= 120 AS ended,
          both_day BETWEEN d - 7 AND d - 1 AS left7, both_day BETWEEN d - 28 AND d - 1 AS left28 FROM pair)
  GROUP BY ALL),
mixed AS (
  SELECT b.order_id, b.as_of, b.last_event, b.last_at, o.* EXCLUDE (who, order_id, as_of),
    (coalesce(o.log7, 0) + 10 * p.log7 / nullif(p.n7, 0)) / (coalesce(o.n7, 0) + 10) AS mean7,
    (coalesce(o.log28, 0) + 10 * p.log28 / nullif(p.n28, 0)) / (coalesce(o.n28, 0) + 10) AS mean28,
    (coalesce(o.square28, 0) + 10 * p.square28 / nullif(p.n28, 0)) / (coalesce(o.n28, 0) + 10) AS second28,
    (coalesce(o.long7, 0) + 10 * p.long7 / nullif(p.n7, 0)) / (coalesce(o.n7, 0) + 10) AS long_share
  FROM base b
  LEFT JOIN (FROM counted WHERE who = 'own') o ON o.order_id = b.order_id AND o.as_of = b.as_of
  LEFT JOIN (FROM counted WHERE who = 'all') p ON p.order_id = b.order_id AND p.as_of = b.as_of
  WHERE b.last_hub IS NOT NULL),
done AS (
  SELECT order_id, as_of, exp(mean28) AS hub_dwell_usual_hours_28d, exp(mean7 - mean28) AS hub_dwell_trend_ratio_7d,
    CASE WHEN last_event = 'hub_in' THEN
      1 / (1 + odds(greatest(hours_between(last_at, as_of), 1), mean28, spread(second28, mean28, 0.15))) END AS hub_dwell_chance_28d,
    long_share AS hub_long_stay_share_7d, coalesce(inside, 0) * 28 / nullif(arrived28, 0) AS hub_inside_days,
    4 * arrived7 / nullif(arrived28, 0) AS hub_arrived_ratio_7d
  FROM mixed)
SELECT a.order_id, a.as_of, done.* EXCLUDE (order_id, as_of) FROM asked a LEFT JOIN done USING (order_id, as_of)
