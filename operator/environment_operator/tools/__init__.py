"""How people reach the tools of a workload: addresses, Services, routes and claims."""
