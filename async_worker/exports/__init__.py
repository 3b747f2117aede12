"""Results and corrections as Parquet: ``python -m async_worker export`` (docs/data-dictionary.md)."""
