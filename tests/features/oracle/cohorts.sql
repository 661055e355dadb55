-- The parcels that came into, or left, the order's last hub on the day that its own parcel did.
WITH scan AS (SELECT *, recorded_at::DATE AS day FROM shipment_events),
plan AS (SELECT shipment_id, order_id, first(destination_region ORDER BY recorded_at) AS region, min(recorded_at) AS planned_at
  FROM shipments GROUP BY ALL),
went AS (
  SELECT shipment_id, hub, min(day) FILTER (event = 'hub_in') AS came_day, min(day) FILTER (event = 'hub_out') AS left_day,
    first(event_at ORDER BY day, event_at) FILTER (event = 'hub_out') AS left_at
  FROM scan WHERE hub IS NOT NULL GROUP BY ALL),
stay AS (
  SELECT w.*, CASE WHEN p.planned_at::DATE <= w.left_day THEN p.region END AS region, p.order_id, p.planned_at,
    (SELECT min(greatest(s.day, w.left_day)) FROM scan s WHERE s.shipment_id = w.shipment_id AND s.event_at > w.left_at) AS seen_day
  FROM went w JOIN plan p USING (shipment_id)),
mine AS (
  SELECT b.order_id, b.as_of, b.d, b.last_hub AS hub, max(s.region) AS region,
    max(s.came_day) FILTER (s.came_day < b.d) AS came_day, max(s.left_day) FILTER (s.left_day < b.d) AS left_day
  FROM base b JOIN stay s ON s.order_id = b.order_id AND s.planned_at < b.as_of AND s.hub = b.last_hub GROUP BY ALL)
SELECT b.order_id, b.as_of,
  (SELECT count(*) FILTER (greatest(s.came_day, s.left_day) < m.d AND s.left_day IS NOT NULL) / nullif(count(*), 0)
   FROM stay s WHERE s.hub = m.hub AND s.came_day = m.came_day) AS came_cohort_moved_share,
  CASE WHEN m.came_day IS NOT NULL THEN (SELECT count(*) FROM stay s WHERE s.hub = m.hub AND s.came_day = m.came_day) END
    AS came_cohort_count,
  (SELECT count(*) FILTER (s.seen_day < m.d) / nullif(count(*), 0) FROM stay s WHERE s.hub = m.hub AND s.left_day = m.left_day)
    AS left_cohort_moved_share,
  (SELECT count(*) FILTER (s.seen_day < m.d) / nullif(count(*), 0) FROM stay s
   WHERE s.hub = m.hub AND s.left_day = m.left_day AND s.region = m.region) AS way_cohort_moved_share,
  CASE WHEN m.left_day IS NOT NULL THEN (SELECT count(*) FROM stay s
   WHERE s.hub = m.hub AND s.left_day = m.left_day AND s.region = m.region) END AS way_cohort_count
FROM base b LEFT JOIN mine m ON m.order_id = b.order_id AND m.as_of = b.as_of
