"""Line items: what was delivered, how many, at what price. Out of tables, or out of a receipt's rows."""
