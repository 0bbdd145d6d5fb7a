"""A real Kubernetes cluster on one machine. ../README.md says how to use it."""
