"""A comparison of two models, from its options to its report."""
