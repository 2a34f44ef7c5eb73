"""One module a provider of judges, and how judges are named."""
