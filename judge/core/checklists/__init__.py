"""Checklists of items: shown to a judge, written by a judge, checked against the reference."""
