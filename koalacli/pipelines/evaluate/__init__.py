"""`koala eval`."""
