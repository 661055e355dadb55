-- An order as it was known at as_of, one fact at a time.
CREATE TABLE base AS
WITH parcel_rows AS (
  SELECT a.order_id, a.as_of, s.* EXCLUDE (order_id)
  FROM asked a JOIN shipments s ON s.order_id = a.order_id AND s.recorded_at < a.as_of),
scan_rows AS (
  SELECT p.order_id, p.as_of, e.shipment_id, e.event, e.event_at, e.hub, e.recorded_at
  FROM parcel_rows p JOIN shipment_events e ON e.shipment_id = p.shipment_id AND e.recorded_at < p.as_of),
plan AS (SELECT * FROM parcel_rows QUALIFY row_number() OVER (PARTITION BY order_id, as_of ORDER BY recorded_at, shipment_id) = 1),
item_rows AS (
  SELECT a.order_id, a.as_of, i.* EXCLUDE (order_id)
  FROM asked a JOIN order_items i ON i.order_id = a.order_id AND i.recorded_at < a.as_of),
item AS (SELECT * FROM item_rows QUALIFY row_number() OVER (PARTITION BY order_id, as_of ORDER BY recorded_at, line_no) = 1),
scan AS (
  SELECT * FROM scan_rows
  QUALIFY row_number() OVER (PARTITION BY order_id, as_of ORDER BY event_at DESC, recorded_at DESC, event DESC) = 1),
handed AS (
  SELECT * FROM scan_rows WHERE event = 'handed_over'
  QUALIFY row_number() OVER (PARTITION BY order_id, as_of ORDER BY recorded_at, event_at) = 1),
approved AS (
  SELECT a.order_id, a.as_of, e.event_at FROM asked a
  JOIN order_events e ON e.order_id = a.order_id AND e.recorded_at < a.as_of AND e.event = 'approved'
  QUALIFY row_number() OVER (PARTITION BY a.order_id, a.as_of ORDER BY e.recorded_at, e.event_at) = 1)
SELECT a.order_id, a.as_of, a.d, o.* EXCLUDE (order_id, recorded_at, day), p.carrier, p.origin_region, p.distance_km,
  i.seller_id, i.category, h.event_at AS handed_at, ap.event_at AS approved_at,
  s.event AS last_event, s.hub AS last_hub, s.event_at AS last_at, s.recorded_at AS last_known_at,
  (SELECT count(*) FROM scan_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of) AS scans,
  (SELECT count(DISTINCT hub) FROM scan_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of) AS hubs,
  (SELECT count(*) FROM scan_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of AND event = 'attempt_failed') AS failed,
  (SELECT count(*) FROM parcel_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of) AS parcels,
  (SELECT count(*) FROM item_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of) AS lines,
  (SELECT sum(quantity) FROM item_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of) AS quantity,
  (SELECT sum(quantity * weight_g) FROM item_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of) AS grams,
  (SELECT count(DISTINCT r.seller_id) FROM item_rows r WHERE r.order_id = a.order_id AND r.as_of = a.as_of) AS sellers
FROM asked a
LEFT JOIN orders o ON o.order_id = a.order_id AND o.recorded_at < a.as_of
LEFT JOIN plan p ON p.order_id = a.order_id AND p.as_of = a.as_of
LEFT JOIN item i ON i.order_id = a.order_id AND i.as_of = a.as_of
LEFT JOIN scan s ON s.order_id = a.order_id AND s.as_of = a.as_of
LEFT JOIN handed h ON h.order_id = a.order_id AND h.as_of = a.as_of
LEFT JOIN approved ap ON ap.order_id = a.order_id AND ap.as_of = a.as_of;
