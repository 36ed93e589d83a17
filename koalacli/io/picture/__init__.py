"""Stills: every format that is read and written."""
