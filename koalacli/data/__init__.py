"""Training samples: where pictures come from, which are used, what is done to them, and in which order."""
