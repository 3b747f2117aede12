"""The bulk road: not built yet. See ARCHITECTURE.md for what it will stand on."""
