"""Judging by providers' batch interfaces."""
