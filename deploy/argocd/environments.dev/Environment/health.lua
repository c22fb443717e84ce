-- What Argo CD shows of an Environment, and what a sync waits for. Ready is the summary; Reconciling passes by itself;
-- Stalled needs its author; one that is neither was released on purpose, and takes no new workloads.
-- Argo CD opens no library of strings for such scripts.
local status = obj.status or {}
local observed = status.observedGeneration or -1
if observed ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the operator" }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if holds("Stalled") then
  return { status = "Degraded", message = conditions.Stalled.message }
end
if holds("Reconciling") then
  return { status = "Progressing", message = conditions.Reconciling.message }
end
if holds("Ready") then
  return { status = "Healthy", message = conditions.Ready.message }
end
if conditions.Ready ~= nil then
  return { status = "Suspended", message = conditions.Ready.message }
end
return { status = "Progressing", message = "Waiting for the operator" }
