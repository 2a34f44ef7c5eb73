"""The report of a comparison: criteria, bias, agreement, strata, controls."""
