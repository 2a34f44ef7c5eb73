"""Files, JSON Lines, secrets, and what a terminal may be shown."""
