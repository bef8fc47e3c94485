"""Where tables come from: CSV and Parquet files and databases, with our names for their columns."""
