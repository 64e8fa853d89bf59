"""What `benchmarks.iot` measures: a home with real servers and a real bridge, and what is done to it."""
