"""People's verdicts: asked in the terminal or by a packet, read, and held against the judges'."""
