-- Announced days between now and the promise, day by day.
WITH announced AS (
  SELECT region, calendar_day, kind, min(recorded_at)::DATE AS known_day FROM calendar
  WHERE calendar_day - recorded_at::DATE <= 400 GROUP BY ALL),
near AS (
  SELECT b.order_id, b.as_of, b.d, b.promised_at::DATE AS promise, c.*
  FROM base b JOIN announced c ON c.known_day < b.d AND (c.region = '*' OR c.region = b.destination_region
    OR c.region = split_part(b.destination_region, '-', 1)))
SELECT b.order_id, b.as_of, monday0(b.d) AS as_of_weekday_code,
  CASE WHEN b.promised_at IS NOT NULL THEN (
    SELECT count(DISTINCT calendar_day) FROM near n WHERE n.order_id = b.order_id AND n.as_of = b.as_of AND kind = 'holiday'
      AND calendar_day BETWEEN b.d AND b.promised_at::DATE) END AS holidays_left_days,
  CASE WHEN b.promised_at IS NOT NULL THEN (
    SELECT count(*) FROM range(0, greatest(b.promised_at::DATE - b.d + 1, 0)) t(k)
    WHERE isodow(b.d + k::INTEGER) = 7) END AS sundays_left_days,
  CASE WHEN b.promised_at::DATE > b.d THEN b.promised_at::DATE - b.d - (
      SELECT count(*) FROM range(0, b.promised_at::DATE - b.d + 1) t(k) WHERE isodow(b.d + k::INTEGER) = 7)
    - (SELECT count(DISTINCT calendar_day) FROM near n WHERE n.order_id = b.order_id AND n.as_of = b.as_of
         AND kind = 'holiday' AND isodow(calendar_day) <> 7 AND calendar_day BETWEEN b.d AND b.promised_at::DATE)
    ELSE b.promised_at::DATE - b.d END AS working_left_days,
  coalesce((SELECT min(b.d - calendar_day) FROM near n WHERE n.order_id = b.order_id AND n.as_of = b.as_of
    AND kind = 'sales_event' AND calendar_day BETWEEN b.d - 30 AND b.d), 31) AS since_sales_event_days,
  (SELECT count(DISTINCT calendar_day) FROM near n WHERE n.order_id = b.order_id AND n.as_of = b.as_of
    AND kind = 'sales_event' AND calendar_day BETWEEN b.d - 30 AND b.d) AS sales_event_30d_days
FROM base b
