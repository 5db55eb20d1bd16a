"""Maquette beside its peers: ratios measured in one run on one machine. `python -m benchmarks [NAME ...]`."""
