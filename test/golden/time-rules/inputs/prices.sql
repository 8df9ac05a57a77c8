-- 10:00 is corrected by a second version; 11:00 is ingested long before 10:00 was; the last is from another day.
SELECT * FROM (VALUES
  (1, TIMESTAMP '2026-03-02 08:00:00', TIMESTAMP '2026-03-02 08:00:00', 1, 8.0::DOUBLE),
  (1, TIMESTAMP '2026-03-02 10:00:00', TIMESTAMP '2026-03-02 11:20:00', 1, 10.0),
  (1, TIMESTAMP '2026-03-02 10:00:00', TIMESTAMP '2026-03-02 11:20:00', 2, 10.5),
  (1, TIMESTAMP '2026-03-02 11:00:00', TIMESTAMP '2026-03-02 11:00:00', 1, 11.0),
  (1, NULL, TIMESTAMP '2026-03-02 08:00:00', 9, 0.0),
  (NULL, TIMESTAMP '2026-03-02 08:00:00', TIMESTAMP '2026-03-02 08:00:00', 9, 0.0),
  (1, TIMESTAMP '2026-03-05 00:00:00', TIMESTAMP '2026-03-05 00:00:00', 1, 99.0)
) AS t(product_id, valid_at, ingested_at, version, price)
