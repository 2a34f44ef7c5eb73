"""`python -m judge` is the command `omr-judge`."""

from judge.cli import main

main()
