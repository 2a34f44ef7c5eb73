"""From verdicts to items' outcomes and credits."""
