"""A run being judged: session, progress, budget, early stopping, resumption."""
