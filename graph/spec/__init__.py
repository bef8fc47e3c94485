"""The SeldonDeployment as typed data, with the Kubernetes types that it contains."""
