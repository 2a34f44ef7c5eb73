"""Exports of a run: tables and preference data."""
