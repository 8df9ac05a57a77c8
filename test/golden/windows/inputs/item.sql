SELECT * FROM (VALUES
  (10, TIMESTAMP '2026-02-28 12:00:00', 1, ['x', 'y'], 1.0::DOUBLE),
  (11, TIMESTAMP '2026-02-28 12:00:00', 1, ['y', 'z', NULL], 1.0),
  (12, TIMESTAMP '2026-03-01 12:00:00', 2, ['w', 'x'], 1.0),
  (12, TIMESTAMP '2026-03-02 12:00:00', 2, ['future'], 1.0),
  (13, TIMESTAMP '2026-03-01 12:00:00', 1, [], 1.0),
  (14, TIMESTAMP '2026-03-01 12:00:00', 1, NULL, -1.0)
) AS t(item_id, published_at, author_id, tags, score)
