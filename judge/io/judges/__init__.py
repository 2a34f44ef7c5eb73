"""Judges: one module a provider behind one protocol."""
