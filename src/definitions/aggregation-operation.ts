/** What an aggregation can make of the values in its window. */
export type AggregationOperation =
  | "list"
  | "count"
  | "flatten_distinct"
  | "distinct_list"
  | "top_k"
  | "count_distinct"
  | "sum"
  | "mean"
  | "stddev"
  | "min"
  | "max"
  | "first"
  | "last"
  | "time_since_last"
  | "decay_sum";
