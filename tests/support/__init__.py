"""What tests and benchmarks share: databases of their own, a real server, and clients that put it under load."""
