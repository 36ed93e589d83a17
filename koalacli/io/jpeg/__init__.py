"""JPEG taken apart into planes, coefficients and bits."""
