"""One use case a module; the only place where io and core meet."""
