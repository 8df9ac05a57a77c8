import {expect, it} from "vitest";
import {findUnstable} from "../../src/plan/sql-unstable.js";

it.each([
  ["random() < 0.1", "random"],
  ["hist.at > NOW ( )", "now"],
  ["date_diff('day', created_at, today())", "today"],
  ["created_at::DATE = CURRENT_DATE", "current_date"],
  ["date_part('hour', age(created_at))", "age"],
  ["age(greatest(a, b)) < INTERVAL 1 DAY", "age"],
  ["coalesce(x, uuid()::TEXT)", "uuid"],
])("finds what %s asks of chance or of the moment", (sql, name) => {
  expect(findUnstable(sql)).toBe(name);
});

it.each([
  "age(event_timestamp, created_at) > INTERVAL 1 DAY",
  "hist.current_date = cur . now",
  "today > random -- now()",
  "word = 'now()' /* random() */",
  '"now" = 1',
  "hash(user_id, item_id) % 10 = 0",
  "randomized(x) + (now) * 2",
])("is content with %s", (sql) => {
  expect(findUnstable(sql)).toBeUndefined();
});
