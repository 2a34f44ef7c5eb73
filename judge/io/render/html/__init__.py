"""The page: one self-contained file that shows a report and every pair behind it."""
