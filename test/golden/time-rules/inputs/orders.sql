-- Product 1 has prices, product 2 has none, a NULL product matches nothing.
SELECT * FROM (VALUES
  (1, 1, TIMESTAMP '2026-03-02 09:59:59.999999', 1),
  (1, 1, TIMESTAMP '2026-03-02 10:00:00', 1),
  (1, 1, TIMESTAMP '2026-03-02 10:00:00.000001', 1),
  (1, 1, TIMESTAMP '2026-03-02 11:30:00', 1),
  (1, 1, TIMESTAMP '2026-03-02 11:30:00.000001', 1),
  (1, 1, TIMESTAMP '2026-03-02 12:00:00', 1),
  (1, 1, TIMESTAMP '2026-03-02 12:00:00.000001', 1),
  (2, 1, TIMESTAMP '2026-03-02 12:00:00.000001', 1),
  (2, 2, TIMESTAMP '2026-03-02 12:00:00.000001', 1),
  (2, NULL, TIMESTAMP '2026-03-02 12:00:00.000001', 1)
) AS t(customer_id, product_id, ordered_at, line)
