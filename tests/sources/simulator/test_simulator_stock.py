from __future__ import annotations


def one(db, sql):
    return db.execute(sql).fetchall()[0]


def test_stock_is_what_was_there_and_came_less_what_was_sold(db):
    wrong, days = one(
        db,
        """WITH received AS (SELECT sku_id, event_at::DATE AS stock_day, sum(quantity) AS pieces FROM inbound
                WHERE event = 'received' GROUP BY ALL),
            days AS (SELECT *, lag(on_hand) OVER (PARTITION BY sku_id ORDER BY stock_day) AS before FROM stock)
        SELECT count(*) FILTER (on_hand <> before + coalesce(pieces, 0) - units_sold), count(*)
        FROM days LEFT JOIN received USING (sku_id, stock_day) WHERE before IS NOT NULL""",
    )
    assert wrong == 0
    assert days > 1_000


def test_units_sold_are_those_of_the_order_book(db):
    wrong = one(
        db,
        """WITH book AS (SELECT sku_id, recorded_at::DATE AS stock_day, sum(quantity) AS pieces FROM order_items JOIN
                (SELECT order_id, created_at FROM orders) USING (order_id)
                WHERE created_at::DATE = recorded_at::DATE GROUP BY ALL)
        SELECT count(*) FROM stock LEFT JOIN book USING (sku_id, stock_day)
        WHERE units_sold <> coalesce(pieces, 0) AND abs(units_sold - coalesce(pieces, 0)) > 3""",
    )[0]
    totals = one(db, "SELECT (SELECT sum(units_sold) FROM stock), (SELECT sum(quantity) FROM order_items)")
    assert wrong == 0
    assert abs(totals[0] - totals[1]) <= 3  # orders of the last seconds of the last day become known after it


def test_nothing_is_sold_from_an_empty_shelf(db):
    sold_without = one(
        db,
        """WITH days AS (SELECT *, lag(on_hand) OVER (PARTITION BY sku_id ORDER BY stock_day) AS morning FROM stock)
        SELECT count(*) FILTER (morning = 0 AND units_sold > 0), count(*) FILTER (units_sold > morning),
               count(*) FILTER (morning = 0 AND in_stock_share > 0), min(on_hand) FROM days""",
    )
    assert sold_without[:3] == (0, 0, 0)
    assert sold_without[3] >= 0


def test_stock_out_days_are_neither_rare_nor_the_rule(db):
    share = one(db, "SELECT avg((in_stock_share <= 0.75 OR on_hand = 0)::INT) FROM stock")[0]
    assert 0.02 < share < 0.25


def test_a_day_is_counted_at_its_end(db):
    assert one(db, "SELECT DISTINCT strftime(recorded_at, '%H:%M:%S') FROM stock") == ("23:59:00",)
    assert one(db, "SELECT count(*) FROM stock WHERE recorded_at::DATE <> stock_day") == (0,)


def test_what_was_ordered_comes_once_and_not_always_when_it_was_announced(db):
    twice, unordered, early, late = one(
        db,
        """WITH ends AS (SELECT * FROM inbound WHERE event <> 'ordered'),
            starts AS (SELECT * FROM inbound WHERE event = 'ordered')
        SELECT (SELECT count(*) - count(DISTINCT inbound_id) FROM ends),
            (SELECT count(*) FROM ends ANTI JOIN starts USING (inbound_id)),
            avg((ends.event_at::DATE < starts.expected_at::DATE)::INT), avg((ends.event_at::DATE >
            starts.expected_at::DATE)::INT)
        FROM ends JOIN starts USING (inbound_id)""",
    )
    assert (twice, unordered) == (0, 0)
    assert early > 0.1
    assert late > 0.1


def test_the_true_lead_time_is_the_one_that_is_seen(db):
    wrong, seen = one(
        db,
        """SELECT count(*) FILTER (date_diff('day', ordered_day, event_at::DATE) <> lead_days), count(*)
        FROM truth_lead_times JOIN inbound USING (inbound_id) WHERE event = 'received'""",
    )
    assert wrong == 0
    assert seen > 20


def test_promotions_are_known_before_their_day(db):
    unknown, rows, features = one(
        db,
        "SELECT count(*) FILTER (recorded_at >= promo_day::TIMESTAMPTZ), count(*), count(*) FILTER (has_activity) "
        "FROM promotions",
    )
    assert unknown == 0
    assert rows > features > 0


def test_wanted_is_never_less_than_sold(db):
    assert one(db, "SELECT count(*) FROM truth_demand WHERE sold_pieces > wanted_pieces") == (0,)
    same = "SELECT count(*) FROM truth_demand JOIN stock USING (sku_id, stock_day) WHERE sold_pieces <> units_sold"
    assert one(db, same) == (0,)
