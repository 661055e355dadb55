-- When the last parcel came, and what the buyer had done by then.
WITH came AS (
  SELECT b.order_id, b.as_of, s.shipment_id, first(e.event_at ORDER BY e.recorded_at, e.event_at) AS came_at
  FROM base b JOIN shipments s ON s.order_id = b.order_id AND s.recorded_at < b.as_of
  JOIN shipment_events e ON e.shipment_id = s.shipment_id AND e.event = 'delivered' AND e.recorded_at < b.as_of
  GROUP BY ALL),
last AS (SELECT order_id, as_of, max(came_at) AS came_at FROM came GROUP BY ALL)
SELECT b.order_id, b.as_of, (l.came_at IS NOT NULL)::INT AS is_delivered,
  hours_between(l.came_at, b.as_of) AS delivered_age_hours,
  hours_between(b.promised_at, l.came_at) / 24 AS delivered_late_days,
  hours_between(b.created_at, l.came_at) / 24 AS delivered_total_days,
  EXISTS (FROM order_events e WHERE e.order_id = b.order_id AND e.recorded_at < b.as_of
    AND event IN ('return_requested', 'refunded'))::INT AS is_return_requested,
  EXISTS (FROM disputes e WHERE e.order_id = b.order_id AND e.recorded_at < b.as_of AND event = 'opened')::INT AS is_disputed,
  EXISTS (FROM reviews e WHERE e.order_id = b.order_id AND e.recorded_at < b.as_of)::INT AS is_reviewed
FROM base b LEFT JOIN last l ON l.order_id = b.order_id AND l.as_of = b.as_of
