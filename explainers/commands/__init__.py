"""The command line: one module a command, over the same service as the dashboard."""
