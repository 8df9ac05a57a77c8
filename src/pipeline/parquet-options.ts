/** DuckDB's own default. */
export const rowGroupRowsMax = 122_880;

/**
 * How a day's rows are written. Version 2 encodes whole numbers by their differences, in half the time of version 1; the pages stay those that
 * all readers know. What is encoded so hardly shrinks any more, and trying costs time; texts and lists that repeat do shrink, with zstd's fastest level
 * nearly as much as with its usual one.
 */
export const renderParquetOptions = (rowGroupRows = rowGroupRowsMax): string => `(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2, ROW_GROUP_SIZE ${rowGroupRows})`;
