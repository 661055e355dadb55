-- Orders of the seller that wait, and those of the last days that did not go out when they usually do.
WITH sold AS (
  SELECT j.*, greatest(approved_day, order_day, item_day) AS came,
    least(handed_day, ended_day, greatest(approved_day, order_day, item_day) + 30) AS gone
  FROM journeys j WHERE approved_day IS NOT NULL),
looked AS (
  SELECT *, greatest(came, ship_by::DATE) AS lim, greatest(came, handed_day) AS handed_on FROM sold),
pair AS (
  SELECT 'own' AS who, b.order_id, b.as_of, b.d, l.* EXCLUDE (order_id) FROM base b JOIN looked l ON l.seller_id = b.seller_id
  UNION ALL SELECT 'all', b.order_id, b.as_of, b.d, l.* EXCLUDE (order_id) FROM base b CROSS JOIN looked l),
counted AS (
  SELECT who, order_id, as_of, w.n AS days,
    count(*) FILTER (came BETWEEN d - w.n AND d - 1) AS approved,
    count(*) FILTER (handed_day IS NOT NULL AND handed_on BETWEEN d - w.n AND d - 1) AS handed,
    {due}
    count(*) FILTER (came < d AND gone >= d AND came < gone) AS waiting,
    count(*) FILTER (ship_by IS NOT NULL AND lim < d AND gone >= d AND lim < gone) AS past
  FROM pair CROSS JOIN (VALUES (3), (7)) w(n) GROUP BY ALL),
mixed AS (
  SELECT b.order_id, b.as_of, w.n AS days, o.waiting, o.approved,
    (coalesce(o.past, 0) + 3 * p.past / nullif(p.waiting, 0)) / (coalesce(o.waiting, 0) + 3) AS past,
    (coalesce(o.handed, 0) + 3 * p.handed / nullif(p.approved, 0)) / (coalesce(o.approved, 0) + 3) AS handed,
    (coalesce(o.held_2, 0) + 3 * p.held_2 / nullif(p.due_2, 0)) / (coalesce(o.due_2, 0) + 3) AS held_2,
    (coalesce(o.held_4, 0) + 3 * p.held_4 / nullif(p.due_4, 0)) / (coalesce(o.due_4, 0) + 3) AS held_4
  FROM base b CROSS JOIN (VALUES (3), (7)) w(n)
  LEFT JOIN (FROM counted WHERE who = 'own') o ON o.order_id = b.order_id AND o.as_of = b.as_of AND o.days = w.n
  LEFT JOIN (FROM counted WHERE who = 'all') p ON p.order_id = b.order_id AND p.as_of = b.as_of AND p.days = w.n
  WHERE b.seller_id IS NOT NULL)
SELECT a.order_id, a.as_of,
  max(held_2) FILTER (days = 3) AS seller_held_2_days_share_3d, max(held_2) FILTER (days = 7) AS seller_held_2_days_share_7d,
  max(held_4) FILTER (days = 3) AS seller_held_4_days_share_3d, max(held_4) FILTER (days = 7) AS seller_held_4_days_share_7d,
  max(handed) FILTER (days = 3) AS seller_handed_ratio_3d, max(handed) FILTER (days = 7) AS seller_handed_ratio_7d,
  max(past) FILTER (days = 7) AS seller_past_limit_share,
  max(coalesce(waiting, 0) * 7 / nullif(approved, 0)) FILTER (days = 7) AS seller_waiting_days
FROM asked a LEFT JOIN mixed m ON m.order_id = a.order_id AND m.as_of = a.as_of
GROUP BY ALL
