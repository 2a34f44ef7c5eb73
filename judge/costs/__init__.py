"""Prices, quotes and spending."""
