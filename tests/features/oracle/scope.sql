-- How others fared that share {entity}: every fact counted on its own, no running sums.
WITH facts AS (
  SELECT {entity} AS entity, {entity_day} AS entity_day, *,
    CASE WHEN handed_day IS NOT NULL AND approved_day IS NOT NULL THEN greatest(handed_day, approved_day, order_day) END AS handling_day,
    CASE WHEN delivered_day IS NOT NULL AND handed_day IS NOT NULL THEN greatest(delivered_day, handed_day, order_day) END AS transit_day,
    CASE WHEN delivered_day IS NOT NULL AND approved_day IS NOT NULL THEN greatest(delivered_day, approved_day, order_day) END AS total_day,
    greatest(promised_at::DATE + 1, order_day) AS matured_day
  FROM journeys),
own AS (SELECT b.*, {asked} AS entity FROM base b),
pair AS (
  SELECT 'own' AS who, o.order_id, o.as_of, o.d, f.* EXCLUDE (order_id) FROM own o JOIN facts f ON f.entity = o.entity
  UNION ALL BY NAME
  SELECT 'all' AS who, o.order_id, o.as_of, o.d, f.* EXCLUDE (order_id) REPLACE ('*' AS entity, f.order_day AS entity_day)
  FROM own o CROSS JOIN facts f),
counted AS (
  SELECT who, order_id, as_of,
    {windows}
    count(*) FILTER (order_day < d AND entity_day < d AND NOT coalesce(gone < d, false)) AS open_n,
    count(*) FILTER (order_day < d AND entity_day < d AND promised_at::DATE < d AND NOT coalesce(gone < d, false)) AS overdue_n,
    count(*) FILTER (order_day < d AND entity_day < d AND NOT coalesce(least(gone, handed_day) < d, false)) AS unshipped_n
  FROM (SELECT *, least(parcel_ended_day, ended_day, order_day + 120, promised_at::DATE + 60) AS gone,
          coalesce(delivered_day <= matured_day, false) AS came,
          coalesce(delivered_day <= matured_day, false) AND coalesce(delivered_at <= promised_at, false) AS in_time
        FROM pair)
  GROUP BY ALL),
matched AS (
  SELECT o.*, m.* EXCLUDE (who, order_id, as_of), p.* EXCLUDE (order_id, as_of)
  FROM own o
  LEFT JOIN (SELECT * FROM counted WHERE who = 'own') m USING (order_id, as_of)
  LEFT JOIN (SELECT {renamed} FROM counted WHERE who = 'all') p USING (order_id, as_of)),
shares AS (
  SELECT *, hours_between(as_of, promised_at) AS hours_left,
    greatest(hours_between(coalesce(handed_at, approved_at, created_at), as_of), 1) AS taken,
    {fits}
  FROM matched WHERE entity IS NOT NULL),
staged AS (
  SELECT *, {staged} FROM shares),
odds AS (SELECT *, {odds} FROM staged),
done AS (
  SELECT order_id, as_of, {values},
    (coalesce(overdue_n, 0) + 20 * p_overdue_n / nullif(p_open_n, 0)) / (coalesce(open_n, 0) + 20) AS {scope}_overdue_share,
    (coalesce(unshipped_n, 0) + 20 * p_unshipped_n / nullif(p_open_n, 0)) / (coalesce(open_n, 0) + 20) AS {scope}_unshipped_share,
    4 * orders_7 / nullif(orders_28, 0) AS {scope}_orders_ratio_7d,
    coalesce(matured_28, 0) AS {scope}_matured_count_28d,
    (coalesce(dispatched_late_28, 0) + 20 * p_dispatched_late_28 / nullif(p_dispatched_28, 0)) / (coalesce(dispatched_28, 0) + 20)
      AS {scope}_dispatched_late_share_28d,
    exp(handling_mean_28) AS {scope}_handling_hours_28d
  FROM odds)
SELECT a.order_id, a.as_of, done.* EXCLUDE (order_id, as_of) FROM asked a LEFT JOIN done USING (order_id, as_of)
