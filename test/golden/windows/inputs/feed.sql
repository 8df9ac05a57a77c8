-- Likes at one instant, a like exactly one day earlier and one a microsecond older, an event kind that is not kept.
SELECT * FROM (VALUES
  (1, 10, TIMESTAMP '2026-03-01 11:59:59.999999', 'like', 'a', 1),
  (1, 11, TIMESTAMP '2026-03-01 12:00:00', 'like', 'a', 2),
  (1, 12, TIMESTAMP '2026-03-01 18:00:00', 'view', 'a', 3),
  (1, 13, TIMESTAMP '2026-03-01 18:00:00', 'like', 'a', 5),
  (1, 12, TIMESTAMP '2026-03-01 18:00:00', 'like', 'a', 4),
  (1, 10, TIMESTAMP '2026-03-02 12:00:00', 'view', 'b', 1),
  (1, 11, TIMESTAMP '2026-03-02 12:00:00', 'like', 'b', 2),
  (1, 12, TIMESTAMP '2026-03-02 12:00:00', 'skip', 'b', 3),
  (1, 99, TIMESTAMP '2026-03-02 12:30:00', 'error', 'b', 4),
  (1, 13, TIMESTAMP '2026-03-02 13:00:00', 'skip', 'b', 5),
  (1, 14, TIMESTAMP '2026-03-02 13:00:01', 'skip', 'b', 5),
  (2, 10, TIMESTAMP '2026-03-02 13:00:00', 'view', 'c', 1),
  (2, 11, TIMESTAMP '2026-03-02 13:00:00', 'view', 'c', 2),
  (3, 11, TIMESTAMP '2026-03-02 13:00:00', 'view', 'd', 2),
  (3, 12, TIMESTAMP '2026-03-02 13:00:00', 'like', 'd', 3),
  (3, 10, TIMESTAMP '2026-03-02 13:10:00', 'view', NULL, 4),
  (NULL, 10, TIMESTAMP '2026-03-02 13:20:00', 'skip', 'e', 1),
  (1, 10, TIMESTAMP '2026-03-03 00:00:00', 'like', 'f', 1)
) AS t(user_id, item_id, "at", kind, session, seq)
