-- What uses an Environment can be refreshed.
local actions = {}
local labels = obj.metadata.labels or {}
actions["refresh"] = { ["disabled"] = labels["environments.dev/environment"] == nil }
return actions
