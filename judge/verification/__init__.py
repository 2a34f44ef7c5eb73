"""Prove a run from its folder: every file, every request anew, every reply read again."""
