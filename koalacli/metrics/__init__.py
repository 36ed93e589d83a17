"""What `koala eval` measures: NumPy and OpenCV only, no download. The metrics are the entries of `table.METRICS`."""
