"""The project: settings, servers and entry points. Nothing under `apps` imports it."""
