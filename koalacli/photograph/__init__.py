"""One photograph outside the network."""
