"""Image files: what they are, what in them draws the picture, and how they become what is sent."""
