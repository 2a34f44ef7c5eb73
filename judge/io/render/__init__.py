"""Draw reports and progress; decide nothing."""
