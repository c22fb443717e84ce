"""The plugin's connection: kubeconfig, credentials, requests and responses."""
