"""The science: pure functions on tensors, and the service that serves them."""
