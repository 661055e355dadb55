-- What each order did, by the day on which each step became known first.
CREATE TABLE journeys AS
WITH scan AS (
  SELECT s.order_id, e.event, e.event_at, e.recorded_at FROM shipment_events e JOIN shipments s USING (shipment_id)),
step AS (
  SELECT order_id,
    first(event_at ORDER BY recorded_at, event_at) FILTER (event = 'handed_over') AS handed_at,
    min(recorded_at) FILTER (event = 'handed_over')::DATE AS handed_day,
    first(event_at ORDER BY recorded_at, event_at) FILTER (event = 'delivered') AS delivered_at,
    min(recorded_at) FILTER (event = 'delivered')::DATE AS delivered_day,
    min(recorded_at) FILTER (event IN ('delivered', 'returned', 'lost'))::DATE AS parcel_ended_day
  FROM scan GROUP BY order_id),
happened AS (
  SELECT order_id,
    first(event_at ORDER BY recorded_at, event_at) FILTER (event = 'approved') AS approved_at,
    min(recorded_at) FILTER (event = 'approved')::DATE AS approved_day,
    min(recorded_at) FILTER (event IN ('cancelled', 'refunded', 'closed'))::DATE AS ended_day
  FROM order_events GROUP BY order_id),
plan AS (
  SELECT order_id, first(carrier ORDER BY recorded_at, shipment_id) AS carrier,
    first(origin_region ORDER BY recorded_at, shipment_id) AS origin_region, min(recorded_at)::DATE AS plan_day
  FROM shipments GROUP BY order_id),
item AS (
  SELECT order_id, first(seller_id ORDER BY recorded_at, line_no) AS seller_id,
    first(category ORDER BY recorded_at, line_no) AS category, min(recorded_at)::DATE AS item_day
  FROM order_items GROUP BY order_id)
SELECT o.order_id, o.buyer_id, o.payment_type, o.destination_region, o.promised_at, o.ship_by,
  o.recorded_at::DATE AS order_day, h.* EXCLUDE (order_id), s.* EXCLUDE (order_id), p.* EXCLUDE (order_id),
  i.* EXCLUDE (order_id)
FROM orders o LEFT JOIN happened h USING (order_id) LEFT JOIN step s USING (order_id)
LEFT JOIN plan p USING (order_id) LEFT JOIN item i USING (order_id);
