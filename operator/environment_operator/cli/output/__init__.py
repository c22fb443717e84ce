"""What the plugin prints: tables, descriptions and YAML."""
