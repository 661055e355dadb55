-- Parcels that left a hub for a region and were not seen again some days after, beyond what was usual for hub and region.
WITH scan AS (SELECT *, recorded_at::DATE AS day FROM shipment_events),
plan AS (SELECT shipment_id, first(destination_region ORDER BY recorded_at) AS region, first(carrier ORDER BY recorded_at) AS carrier,
    min(recorded_at)::DATE AS plan_day FROM shipments GROUP BY ALL),
went AS (
  SELECT shipment_id, hub, min(day) AS left_day, first(event_at ORDER BY day, event_at) AS left_at
  FROM scan WHERE hub IS NOT NULL AND event = 'hub_out' GROUP BY ALL),
stay AS (
  SELECT w.*, p.region, p.carrier,
    (SELECT min(greatest(s.day, w.left_day)) FROM scan s WHERE s.shipment_id = w.shipment_id AND s.event_at > w.left_at) AS seen_day,
    (SELECT first(s.event ORDER BY greatest(s.day, w.left_day), s.event_at, s.event) FROM scan s
      WHERE s.shipment_id = w.shipment_id AND s.event_at > w.left_at) AS seen_event
  FROM went w JOIN plan p USING (shipment_id)
  WHERE p.plan_day <= w.left_day AND p.region IS NOT NULL AND p.carrier IS NOT NULL),
leg AS (
  SELECT carrier, region, hub, n, left_day + n AS day, count(*) AS due, count(*) FILTER (coalesce(seen_day > left_day + n, true)) AS unseen,
    count(*) FILTER (n = 4 AND seen_day <= left_day + n) AS seen,
    count(*) FILTER (n = 4 AND seen_day <= left_day + n AND seen_event = 'hub_in') AS went_on
  FROM stay CROSS JOIN (VALUES (1), (2), (3), (4)) w(n) GROUP BY ALL),
before AS (
  SELECT x.day, n, sum(due) AS due, sum(unseen) AS unseen FROM (SELECT DISTINCT day FROM leg) x
  JOIN leg l ON l.day BETWEEN x.day - 56 AND x.day - 1 GROUP BY ALL),
told AS (SELECT day FROM before GROUP BY day HAVING count(*) = 4),
usual AS (
  SELECT l.*, coalesce((SELECT sum(p.due) FROM leg p WHERE p.carrier = l.carrier AND p.region = l.region AND p.hub = l.hub AND p.n = l.n
      AND p.day BETWEEN l.day - 56 AND l.day - 1), 0) AS own,
    coalesce((SELECT sum(p.unseen) FROM leg p WHERE p.carrier = l.carrier AND p.region = l.region AND p.hub = l.hub AND p.n = l.n
      AND p.day BETWEEN l.day - 56 AND l.day - 1), 0) AS own_unseen
  FROM leg l JOIN told USING (day)
  WHERE coalesce((SELECT 2 * sum(p.went_on) >= sum(p.seen) FROM leg p WHERE p.carrier = l.carrier AND p.region = l.region
    AND p.hub = l.hub AND p.day BETWEEN l.day - 56 AND l.day - 1), true)),
way AS (
  SELECT u.carrier, u.region, u.day, u.n, sum(u.due) AS due, sum(u.unseen) AS unseen,
    sum(round(u.due * (u.own_unseen + 5 * b.unseen / b.due) / (u.own + 5), 6)) AS expected
  FROM usual u JOIN before b ON b.day = u.day AND b.n = u.n GROUP BY ALL)
SELECT b.order_id, b.as_of, {columns}
FROM base b LEFT JOIN way w ON w.carrier = b.carrier AND w.region = b.destination_region AND w.day = b.d - 1
GROUP BY b.order_id, b.as_of, b.carrier, b.destination_region
