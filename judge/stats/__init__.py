"""Estimators: pure functions of arrays."""
