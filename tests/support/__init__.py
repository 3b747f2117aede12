"""Real things in small, for tests: stores, documents, raw connections."""
