"""Field families: one module a family of fields."""
