"""Rates, intervals and tests over items; plain numpy."""
