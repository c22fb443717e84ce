"""The API server's side: client, informer, work queue and Events. The plugin has a client of its own."""
