"""Pure values: what the services say to each other. No I/O, no settings, no algorithm."""
