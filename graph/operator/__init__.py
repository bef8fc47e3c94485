"""What the Seldon operator adds to a SeldonDeployment before it runs."""
