"""Pure functions: same arguments, same answer; no io, clock, logging or global state."""
