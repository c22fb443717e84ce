"""The web page: the plugin's list, descriptions and actions for those who look rather than type."""
