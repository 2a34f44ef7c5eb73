"""Read what generators write: one module a format, known by its content."""
