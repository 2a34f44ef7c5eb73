"""Render reports and progress; decide nothing."""
