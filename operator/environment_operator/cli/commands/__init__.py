"""The commands, imported when they are called: a module declares its options at once and imports the rest in it."""
