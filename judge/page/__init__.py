"""The HTML page of a run, and the local viewer."""
