"""A document of tables, rendered for the terminal, Markdown, LaTeX, CSV and HTML."""
