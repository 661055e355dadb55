SELECT seller_id, sku_id, as_of,
  avg(is_out::INT) FILTER (k IN (7, 14, 21, 28)) AS stock_out_weekday_share_28d,
  avg(share) FILTER (k IN (7, 14, 21, 28)) AS in_stock_weekday_share_28d,
  avg(share) FILTER (k IN (7, 14, 21, 28)) - avg(share) AS in_stock_weekday_excess_share_28d,
  max(share) FILTER (k = 14) AS in_stock_share_lag_14_days,
  avg(share) FILTER (k IN (6, 13, 20, 27)) AS in_stock_next_weekday_share_28d,
  monday0(any_value(d)) AS weekday_code, (isodow(any_value(d)) >= 6)::DOUBLE AS is_weekend
FROM past GROUP BY ALL
