"""The heart: what an Environment puts into a workload and what a workload may override. Pure."""
