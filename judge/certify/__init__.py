"""Trust in a judge: planted errors and a certificate, drift, a gate for CI, and which items can be accepted."""
