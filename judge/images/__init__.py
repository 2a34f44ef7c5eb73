"""Images: loaded, checked, prepared for judges."""
