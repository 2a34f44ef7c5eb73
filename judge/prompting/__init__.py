"""Prompts rendered, requests planned, replies read."""
