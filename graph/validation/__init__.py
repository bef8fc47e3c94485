"""What is wrong with a SeldonDeployment: its shape, its names, and what would break on a cluster."""
