"""Traces and items read from files, and paired."""
