"""Traces that address the judge, or repeat themselves."""
