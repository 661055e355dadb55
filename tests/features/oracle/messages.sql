-- What was written about the order by then.
SELECT b.order_id, b.as_of,
  count(c.contact_id) FILTER (c.event_at >= b.as_of - INTERVAL 72 HOUR) AS contacts_72h_count,
  count(DISTINCT c.topic) AS contact_topics_count,
  coalesce(max(length(c.text) - length(replace(c.text, '!', ''))), 0) AS contact_exclamations_count,
  coalesce(max((c.topic = 'not_as_described')::INT), 0) AS is_contact_about_goods
FROM base b LEFT JOIN contacts c ON c.order_id = b.order_id AND c.recorded_at < b.as_of
GROUP BY ALL
