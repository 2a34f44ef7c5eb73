"""Checklists written by a judge from reference reasoning."""
