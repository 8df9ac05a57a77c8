/** How a day's rows are written. Version 2 encodes whole numbers by their differences, in half the time of version 1; the pages stay those that all readers know. */
export const parquetOptions = "(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)";
