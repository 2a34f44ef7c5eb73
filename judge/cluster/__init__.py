"""More than one machine: shards of a run over the nodes of a Ray cluster, and scripts for Slurm and Kubernetes."""
