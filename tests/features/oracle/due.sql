-- Promises that ran out, a day after.
CREATE TABLE due AS
SELECT *, NOT coalesce(delivered_day <= due_day AND delivered_at <= promised_at, false) AS late
FROM (SELECT *, greatest(promised_at::DATE + 1, order_day) AS due_day FROM journeys)
WHERE promised_at IS NOT NULL AND due_day - order_day <= 120
  AND (coalesce(delivered_day <= due_day, false) OR NOT coalesce(ended_day <= due_day, false));
