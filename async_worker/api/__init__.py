"""The bulk road's HTTP API: jobs in, their state, events and results out. It works on nothing itself."""
