"""What `make generate` writes: CRD, webhook configurations, policies, roles and the table of kinds."""
