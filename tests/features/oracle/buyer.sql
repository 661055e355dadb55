-- The buyer's other orders and what was asked about this one.
SELECT b.order_id, b.as_of,
  (SELECT count(*) FROM journeys j WHERE j.buyer_id = b.buyer_id AND order_day BETWEEN b.d - 90 AND b.d - 1)
    AS buyer_orders_count_90d,
  (SELECT count(*) FROM due j WHERE j.buyer_id = b.buyer_id AND due_day BETWEEN b.d - 90 AND b.d - 1) AS buyer_matured_count_90d,
  (SELECT count(*) FROM due j WHERE j.buyer_id = b.buyer_id AND due_day BETWEEN b.d - 90 AND b.d - 1 AND late)
    AS buyer_late_count_90d,
  (SELECT count(*) FROM contacts c WHERE c.order_id = b.order_id AND c.recorded_at < b.as_of) AS contacts_count,
  (SELECT hours_between(max(event_at), b.as_of) FROM contacts c WHERE c.order_id = b.order_id AND c.recorded_at < b.as_of)
    AS last_contact_age_hours
FROM base b
