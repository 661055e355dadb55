-- Parcels whose last known scan is some days old, of the carrier and its ways; and the order's own gaps.
WITH plan AS (
  SELECT shipment_id, order_id, first(carrier ORDER BY recorded_at) AS carrier,
    first(origin_region ORDER BY recorded_at) AS origin, first(destination_region ORDER BY recorded_at) AS destination,
    min(recorded_at)::DATE AS plan_day
  FROM shipments GROUP BY ALL),
scan AS (SELECT *, recorded_at::DATE AS known_day, event IN ('delivered', 'returned', 'lost') AS is_end FROM shipment_events),
last AS (
  SELECT x.d, s.shipment_id, last(event ORDER BY recorded_at, event_at, event) AS event, max(known_day) AS known_day,
    bool_or(is_end) AS is_over
  FROM (SELECT DISTINCT d FROM asked) x JOIN scan s ON s.known_day < x.d GROUP BY ALL),
state AS (
  SELECT l.d, l.event, p.*, greatest(known_day, plan_day) AS day FROM last l JOIN plan p USING (shipment_id) WHERE NOT is_over),
flag AS (
  SELECT *, day < d AND day + 45 >= d AS moving, day + 3 < d AND day + 45 >= d AS silent FROM state),
everybody AS (
  SELECT d, count(*) FILTER (moving) AS moving, count(*) FILTER (silent) AS silent,
    count(*) FILTER (silent AND event = 'hub_out') AS between_hubs
  FROM flag GROUP BY d),
pair AS (
  SELECT b.order_id, b.as_of, 'carrier' AS scope, f.* EXCLUDE (order_id) FROM base b JOIN flag f ON f.d = b.d AND f.carrier = b.carrier
  UNION ALL SELECT b.order_id, b.as_of, 'inbound_way', f.* EXCLUDE (order_id) FROM base b
    JOIN flag f ON f.d = b.d AND f.carrier = b.carrier AND f.destination = b.destination_region
  UNION ALL SELECT b.order_id, b.as_of, 'outbound_way', f.* EXCLUDE (order_id) FROM base b
    JOIN flag f ON f.d = b.d AND f.carrier = b.carrier AND f.origin = b.origin_region),
own AS (
  SELECT order_id, as_of, scope, count(*) FILTER (moving) AS moving, count(*) FILTER (silent) AS silent,
    count(*) FILTER (silent AND event = 'hub_out') AS between_hubs
  FROM pair GROUP BY ALL),
scoped AS (
  SELECT b.order_id, b.as_of, k.scope,
    (coalesce(o.silent, 0) + 5 * e.silent / nullif(e.moving, 0)) / (coalesce(o.moving, 0) + 5) AS silent,
    (coalesce(o.between_hubs, 0) + 5 * e.between_hubs / nullif(e.moving, 0)) / (coalesce(o.moving, 0) + 5) AS between_hubs
  FROM base b CROSS JOIN (VALUES ('carrier'), ('inbound_way'), ('outbound_way')) k(scope)
  LEFT JOIN everybody e ON e.d = b.d LEFT JOIN own o ON o.order_id = b.order_id AND o.as_of = b.as_of AND o.scope = k.scope
  WHERE b.carrier IS NOT NULL AND (k.scope <> 'outbound_way' OR b.origin_region IS NOT NULL)
    AND (k.scope <> 'inbound_way' OR b.destination_region IS NOT NULL)),
step AS (
  SELECT b.order_id, b.as_of, b.d, e.event_at::DATE AS day, e.is_end,
    lead(e.event_at::DATE) OVER (PARTITION BY b.order_id, b.as_of, s.shipment_id ORDER BY e.event_at, e.event) AS next
  FROM base b JOIN shipments s ON s.order_id = b.order_id AND s.recorded_at < b.as_of
  JOIN scan e ON e.shipment_id = s.shipment_id AND e.recorded_at < b.as_of),
gaps AS (
  SELECT order_id, as_of,
    greatest(max(CASE WHEN next IS NOT NULL THEN next - day WHEN NOT is_end THEN d - 1 - day END), 0) AS longest_gap_days,
    min(CASE WHEN next IS NULL THEN d - day END) AS silent_days
  FROM step GROUP BY ALL)
SELECT b.order_id, b.as_of, g.longest_gap_days, g.silent_days,
  max(s.silent) FILTER (scope = 'carrier') AS carrier_silent_share,
  max(s.between_hubs) FILTER (scope = 'carrier') AS carrier_silent_between_share,
  max(s.silent) FILTER (scope = 'inbound_way') AS inbound_way_silent_share,
  max(s.between_hubs) FILTER (scope = 'inbound_way') AS inbound_way_silent_between_share,
  max(s.silent) FILTER (scope = 'outbound_way') AS outbound_way_silent_share,
  max(s.between_hubs) FILTER (scope = 'outbound_way') AS outbound_way_silent_between_share
FROM base b LEFT JOIN gaps g ON g.order_id = b.order_id AND g.as_of = b.as_of
LEFT JOIN scoped s ON s.order_id = b.order_id AND s.as_of = b.as_of
GROUP BY ALL
