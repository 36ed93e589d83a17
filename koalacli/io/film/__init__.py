"""Films: read, written, cut and put together."""
