"""`koala video`."""
