-- The hubs that a parcel is in and has still to pass: late scans, and who came in and did not leave.
WITH plan AS (
  SELECT shipment_id, first(carrier ORDER BY recorded_at) AS carrier, first(origin_region ORDER BY recorded_at) AS origin,
    first(destination_region ORDER BY recorded_at) AS destination, min(recorded_at)::DATE AS plan_day
  FROM shipments GROUP BY shipment_id),
scan AS (SELECT *, recorded_at::DATE AS day FROM shipment_events),
mark AS (
  SELECT shipment_id, event, min(recorded_at) AS known_at FROM scan WHERE event IN ('hub_in', 'out_for_delivery') GROUP BY ALL),
used AS (
  SELECT m.event, m.shipment_id, m.known_at, last(s.hub ORDER BY s.event_at, s.hub) AS hub
  FROM mark m JOIN scan s ON s.shipment_id = m.shipment_id AND s.hub IS NOT NULL AND s.recorded_at <= m.known_at GROUP BY ALL),
came AS (
  SELECT m.shipment_id, m.known_at, s.hub, min(s.event_at) AS came_at FROM mark m JOIN scan s ON s.shipment_id = m.shipment_id
    AND s.event = 'hub_in' AND s.hub IS NOT NULL AND s.recorded_at <= m.known_at
  WHERE m.event = 'out_for_delivery' GROUP BY ALL),
middle AS (
  SELECT 'middle' AS event, shipment_id, known_at, CASE WHEN count(*) > 2 THEN list(hub ORDER BY came_at, hub)[2] END AS hub
  FROM came GROUP BY ALL),
dated AS (SELECT u.event, u.hub, p.*, greatest(u.known_at::DATE, plan_day) AS day FROM (FROM used UNION ALL FROM middle) u JOIN plan p USING (shipment_id)),
counted AS (
  SELECT b.order_id, b.as_of, u.event, u.hub, count(*) AS parcels FROM base b JOIN dated u ON u.carrier = b.carrier
    AND (u.event = 'out_for_delivery' OR u.origin = b.origin_region) AND (u.event = 'hub_in' OR u.destination = b.destination_region)
    AND u.day BETWEEN b.d - 28 AND b.d - 1
  GROUP BY ALL),
usual AS (FROM counted QUALIFY row_number() OVER (PARTITION BY order_id, as_of, event ORDER BY parcels DESC, hub NULLS LAST) = 1),
place AS (
  SELECT order_id, as_of, d, 'present_hub' AS scope, last_hub AS hub FROM base WHERE last_hub IS NOT NULL
  UNION ALL SELECT u.order_id, u.as_of, b.d, 
      CASE u.event WHEN 'hub_in' THEN 'first_hub' WHEN 'middle' THEN 'middle_hub' ELSE 'final_hub' END, u.hub
  FROM usual u JOIN base b ON b.order_id = u.order_id AND b.as_of = u.as_of WHERE u.hub IS NOT NULL),
stay AS (
  SELECT shipment_id, hub, min(day) FILTER (event = 'hub_in') AS came, min(day) FILTER (event = 'hub_out') AS gone
  FROM scan WHERE hub IS NOT NULL GROUP BY ALL),
fact AS (
  SELECT hub, day, 'delayed' AS kind, hours_between(event_at, recorded_at) > 1 AS bad FROM scan WHERE hub IS NOT NULL
  UNION ALL SELECT hub, came, 'stuck_0', coalesce(gone > came, true) FROM stay WHERE came IS NOT NULL
  UNION ALL SELECT hub, came + 1, 'stuck_1', coalesce(gone > came + 1, true) FROM stay WHERE came IS NOT NULL
  UNION ALL SELECT hub, came + 2, 'stuck_2', coalesce(gone > came + 2, true) FROM stay WHERE came IS NOT NULL),
everybody AS (
  SELECT x.d, w.n AS days, kind, count(*) AS n, count(*) FILTER (bad) AS bad FROM (SELECT DISTINCT d FROM asked) x
  CROSS JOIN (VALUES (1), (3)) w(n) JOIN fact f ON f.day BETWEEN x.d - w.n AND x.d - 1 GROUP BY ALL),
own AS (
  SELECT p.order_id, p.as_of, p.scope, w.n AS days, kind, count(*) AS n, count(*) FILTER (bad) AS bad FROM place p
  CROSS JOIN (VALUES (1), (3)) w(n) JOIN fact f ON f.hub = p.hub AND f.day BETWEEN p.d - w.n AND p.d - 1 GROUP BY ALL),
mixed AS (
  SELECT p.order_id, p.as_of, p.scope, e.days, e.kind, (coalesce(o.bad, 0) + 3 * e.bad / e.n) / (coalesce(o.n, 0) + 3) AS share
  FROM place p JOIN everybody e ON e.d = p.d
  LEFT JOIN own o ON o.order_id = p.order_id AND o.as_of = p.as_of AND o.scope = p.scope AND o.days = e.days AND o.kind = e.kind)
SELECT a.order_id, a.as_of, {columns}
FROM asked a LEFT JOIN mixed m ON m.order_id = a.order_id AND m.as_of = a.as_of
GROUP BY ALL
