"""Bank accounts: where they begin, their parts and keys, holders and how banks write them, tables, other countries."""
