"""Controls: pairs of a run asked again, changed so that the judge's answer tells what it judges by."""
