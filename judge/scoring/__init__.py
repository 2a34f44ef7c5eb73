"""Checklist scores of one model's traces."""
