-- Inject today's Environment: a new value of the annotation has admission do that.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["environments.dev/refresh"] = os.date("!%Y-%m-%dT%XZ")
return obj
