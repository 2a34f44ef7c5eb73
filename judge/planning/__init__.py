"""Sample size and power of a comparison."""
