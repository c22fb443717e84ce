"""Registry credentials: the Secrets that are copied to projects and kept in step."""
