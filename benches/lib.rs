//! Nothing: this package is its benchmarks. `make bench` runs them, and `peers.py`, which holds scaletop against its peers.
