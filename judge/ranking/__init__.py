"""Many models ranked from the comparisons of their pairs, and tournaments that judge the pairs."""
