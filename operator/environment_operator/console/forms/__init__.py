"""The forms of the page: made from the schema, and read into an Environment. Pure but for `saving`."""
