"""What computes a run and what it takes: device, kernels, threads, precision, memory, time."""
