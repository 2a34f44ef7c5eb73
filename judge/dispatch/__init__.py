"""Calls to judges: concurrency, rate limits, retries, circuit breaker, budget."""
