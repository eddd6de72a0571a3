"""Benchmarks: ratios measured side by side in one run, on real servers. `./run bench` lists them."""
