"""The seam to TensorFlow, JAX and PyTorch."""
