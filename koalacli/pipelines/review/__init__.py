"""`koala review`: a page to look through a batch and put colors right."""
