"""One module a foreign format of traces."""
