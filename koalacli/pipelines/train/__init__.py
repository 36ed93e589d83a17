"""`koala train`."""
