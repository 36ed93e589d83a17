"""The version, where the build and every record take it from."""

__version__ = "0.1.0"
