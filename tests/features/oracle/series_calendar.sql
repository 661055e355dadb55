WITH announced AS (
  SELECT calendar_day, kind, min(recorded_at)::DATE AS known_day FROM calendar WHERE NOT contains(region, '-')
    AND calendar_day - recorded_at::DATE <= 400 GROUP BY region, calendar_day, kind),
near AS (
  SELECT a.*, c.kind, calendar_day - a.d AS h FROM asked a
  JOIN announced c ON known_day < a.d AND abs(calendar_day - a.d) <= 30)
SELECT a.seller_id, a.sku_id, a.as_of,
  (count(*) FILTER (kind = 'holiday' AND h = 0) > 0)::DOUBLE AS is_holiday,
  count(DISTINCT h) FILTER (kind = 'holiday' AND h >= 0 AND h < a.horizon_days) AS holidays_ahead_days,
  coalesce(min(h) FILTER (kind = 'holiday' AND h >= 0), 31) AS next_holiday_days,
  coalesce(-max(h) FILTER (kind = 'holiday' AND h < 0), 31) AS since_holiday_days,
  count(DISTINCT h) FILTER (kind = 'sales_event' AND h >= 0 AND h < a.horizon_days) AS sales_event_ahead_days,
  coalesce(min(h) FILTER (kind = 'sales_event' AND h >= 0), 31) AS next_sales_event_days
FROM asked a LEFT JOIN near USING (seller_id, sku_id, as_of) GROUP BY a.seller_id, a.sku_id, a.as_of
