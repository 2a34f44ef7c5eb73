"""The run folder: manifest, journal, shards, controls."""
