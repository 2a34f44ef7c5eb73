"""Single judgments for people to read: lists, items with their replies, doubtful items first; and the list of runs."""
