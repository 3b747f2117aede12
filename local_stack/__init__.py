"""The whole stack as processes on one machine: for `make up`, the tests, the demo and the benchmarks."""
